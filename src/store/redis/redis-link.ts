import type { Clock } from '../../clock.js'
import type { Readiness, StoreListener } from '../store.js'
import type { RedisConnection, RedisConnections } from './connections.js'
import type { Keys } from './keys.js'
import { RedisLine } from './redis-line.js'

export interface RedisLinkOptions {
  readonly connections: RedisConnections
  readonly keys: Keys
  readonly clock: Clock
  readonly nodeId: string
}

const TICK_MS = 500
/** Of a sign that this node left in Redis. */
const PULSE_TTL_MS = 10_000
/** With the tick before, Redis is known not to answer after a second and a half. */
const PATIENCE_TICKS = 2
/** One that waits for entries is silent for up to a second. */
const WAITING_PATIENCE_TICKS = 5

/** Whether Redis serves this node: known before anybody asks, by a pulse on each connection. */
export class RedisLink {
  /** The connections as the ports use them. */
  readonly guarded: RedisConnections
  readonly #options: RedisLinkOptions
  readonly #lines: readonly RedisLine[]
  readonly #stop: () => void
  #listener: StoreListener | undefined
  /** Asked besides the connections: why the node cannot use them yet. */
  #alsoNeeded: () => string | undefined = () => undefined
  #told: string | undefined
  #listened = true

  constructor(options: RedisLinkOptions) {
    this.#options = options
    const { commands, subscriber, lease, ingest } = options.connections
    const pulseKey = options.keys.pulse(options.nodeId)
    // A write: one that is refused for want of memory, or of a master, is known before a client asks for it.
    const write = (connection: RedisConnection) => connection.set(pulseKey, '1', 'PX', PULSE_TTL_MS)
    const ping = (connection: RedisConnection) => connection.ping()
    const lines = {
      commands: this.#line(commands, write),
      subscriber: this.#line(subscriber, ping),
      lease: this.#line(lease, ping),
      ingest: this.#line(ingest, ping, WAITING_PATIENCE_TICKS)
    }
    this.#lines = Object.values(lines)
    this.guarded = {
      commands: lines.commands.guarded,
      subscriber: lines.subscriber.guarded,
      lease: lines.lease.guarded,
      ingest: lines.ingest.guarded
    }
    this.#stop = options.clock.every(TICK_MS, () => this.#tick())
  }

  get readiness(): Readiness {
    const reason = this.#trouble
    return reason === undefined ? { ready: true } : { ready: false, reason }
  }

  /** `alsoNeeded` says why the node cannot use a Redis that answers. */
  start(listener: StoreListener, alsoNeeded: () => string | undefined): void {
    this.#alsoNeeded = alsoNeeded
    this.#listener = listener
    this.#told = this.#trouble
    if (this.#told === undefined) listener.onUp()
    else listener.onDown(this.#told)
  }

  /** Something that the state depends on may have changed. */
  judge(): void {
    const trouble = this.#trouble
    if (trouble === this.#told || this.#listener === undefined) return
    this.#told = trouble
    if (trouble === undefined) this.#listener.onUp()
    else this.#listener.onDown(trouble)
  }

  close(): void {
    this.#stop()
    this.#listener = undefined
  }

  get #trouble(): string | undefined {
    for (const line of this.#lines) if (line.trouble !== undefined) return line.trouble
    return this.#alsoNeeded()
  }

  #line(
    connection: RedisConnection,
    ping: (connection: RedisConnection) => Promise<unknown>,
    patience = PATIENCE_TICKS
  ) {
    const { clock } = this.#options
    return new RedisLine({ connection, clock, ping, patience, onChange: () => this.judge() })
  }

  /** Only where the event loop went round since the last one: a node that was held up has not listened. */
  #tick(): void {
    if (!this.#listened) return
    this.#listened = false
    setImmediate(() => {
      this.#listened = true
    })
    for (const line of this.#lines) line.tick()
    this.judge()
  }
}
