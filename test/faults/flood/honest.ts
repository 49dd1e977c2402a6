import { setTimeout as sleep } from 'node:timers/promises'
import type { Scope } from '../../support/scope.js'
import { Latencies } from '../support/latencies.js'
import { RawClient } from '../support/raw-client.js'

export interface HonestOptions {
  readonly url: string
  readonly clients: number
  /** Members of a room. */
  readonly together: number
  /** Between two messages of one of them. */
  readonly pauseMs: number
}

/** Those who chat: how late each hears what the others of its room say. */
export class Honest {
  readonly #options: HonestOptions
  readonly #clients: RawClient[] = []
  #latencies = new Latencies()
  #sent = 0
  #refused = 0
  #closed = 0

  private constructor(options: HonestOptions) {
    this.#options = options
  }

  static async enter(
    scope: Scope,
    options: HonestOptions,
    tokenOf: (user: string) => Promise<string>
  ): Promise<Honest> {
    const honest = new Honest(options)
    for (let n = 0; n < options.clients; n++) {
      const client = await RawClient.connect(scope, options.url, ({ type, content }) => {
        if (type === 'chat_message') honest.#latencies.add(performance.now() - content)
      })
      client.socket.on('close', () => honest.#closed++)
      await client.ask({ type: 'authenticate', token: await tokenOf(`honest ${n}`) })
      await client.ask({ type: 'join_room', room: honest.#roomOf(n) })
      honest.#clients.push(client)
    }
    return honest
  }

  /** All say something again and again, spread over the pause; gives how late it was heard. */
  async chat(ms: number): Promise<Latencies> {
    this.#latencies = new Latencies()
    const { clients, pauseMs } = this.#options
    const end = performance.now() + ms
    await Promise.all(
      this.#clients.map(async (client, n) => {
        await sleep((pauseMs * n) / clients)
        while (performance.now() < end) {
          void this.#say(client, n)
          await sleep(pauseMs)
        }
      })
    )
    // What is on its way belongs to it.
    await sleep(500)
    return this.#latencies
  }

  /** Faults that they had to bear in all. */
  get faults(): { sent: number; refused: number; closed: number } {
    return { sent: this.#sent, refused: this.#refused, closed: this.#closed }
  }

  async #say(client: RawClient, n: number): Promise<void> {
    this.#sent++
    const answer = await client.ask({ type: 'chat_message', room: this.#roomOf(n), content: performance.now() })
    if (answer?.type !== 'ack') this.#refused++
  }

  #roomOf(n: number): string {
    return `room ${Math.floor(n / this.#options.together)}`
  }
}
