import type { Clock } from '../../clock.js'
import { type RedisConnections, renew } from './connections.js'

export interface DeafProbeOptions {
  readonly connections: RedisConnections
  /** Of this node alone. */
  readonly topic: string
  readonly clock: Clock
  /** The subscriber heard nothing, and is being made anew. */
  readonly onDeaf: () => void
}

const PERIOD_MS = 5000
/** Probes in a row that were sent and not heard. */
const SILENT_MAX = 2

/**
 * Finds a subscription that hears nothing though its connection answers: this node says something to itself now and then,
 * and where it does not hear that, the subscriber's connection is made anew.
 */
export class DeafProbe {
  readonly #options: DeafProbeOptions
  readonly #stop: () => void
  /** On the present connection. */
  #subscribed = false
  #silent = 0
  #asking = false

  constructor(options: DeafProbeOptions) {
    this.#options = options
    const { connections, topic, clock } = options
    const { subscriber } = connections
    const name = Buffer.from(topic)
    subscriber.on('messageBuffer', (heard: Buffer) => {
      if (heard.length === name.length && heard.equals(name)) this.#silent = 0
    })
    subscriber.on('close', () => {
      this.#subscribed = false
      this.#silent = 0
    })
    this.#stop = clock.every(PERIOD_MS, () => void this.#probe())
  }

  close(): void {
    this.#stop()
  }

  /** What fails says nothing: that Redis does not answer is found elsewhere. */
  async #probe(): Promise<void> {
    // One at a time: a node that was held up has not listened.
    if (this.#asking) return
    const { commands, subscriber } = this.#options.connections
    if (this.#silent >= SILENT_MAX) this.#renew()
    this.#asking = true
    try {
      if (!this.#subscribed) {
        await subscriber.subscribe(this.#options.topic)
        this.#subscribed = true
      }
      // Counted before: it may be heard before the answer comes.
      this.#silent++
      await commands.publish(this.#options.topic, '')
    } catch {
      this.#silent = 0
    } finally {
      this.#asking = false
    }
  }

  #renew(): void {
    this.#silent = 0
    this.#options.onDeaf()
    renew(this.#options.connections.subscriber)
  }
}
