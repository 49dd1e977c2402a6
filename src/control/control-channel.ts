import type { ChannelRegistry } from '../channels/channel-registry.js'
import type { Clock } from '../clock.js'
import type { Random } from '../random.js'
import type { Streams } from '../store/streams.js'
import { type ControlEntry, decodeControlEntry } from './control-entries.js'

/** Brings this node to what the store says. */
export interface ControlListener {
  /** Applies an entry to what is on this node. Idempotent; must not reject. Entries of other kinds are ignored. */
  apply(entry: ControlEntry): Promise<void>
  /** Entries are lost for good: looks up in the store whatever they may have changed. Must not reject. */
  lookUp(): Promise<void>
}

export interface ControlChannelOptions {
  readonly streams: Streams
  readonly channels: ChannelRegistry
  readonly clock: Clock
  readonly random: Random
}

const CHANNEL = 'control:'
/** A node that hears nothing of all this any more looks its users up anew. */
const RETENTION = { size: 10_000, ttlMs: 86_400_000 }
/** Entries are told apart by themselves: no message id of theirs comes twice. */
const IDEMPOTENCY_MS = 60_000

/**
 * The channel by which all nodes learn what the backend did: stored, ordered and repaired like any other (protocol.md
 * 2.5). First the state changes in the store, then an entry says so.
 */
export class ControlChannel {
  readonly #options: ControlChannelOptions
  readonly #listeners: ControlListener[] = []

  constructor(options: ControlChannelOptions) {
    this.#options = options
  }

  /** Begins to hear the entries of all nodes. */
  async start(): Promise<void> {
    await this.#options.channels.listen(CHANNEL, {
      tag: { room: CHANNEL },
      retention: RETENTION,
      onSignal: () => false,
      listener: {
        onMessage: ({ payload }) => {
          const entry = decodeControlEntry(payload)
          if (entry !== undefined) void this.#apply(entry)
        },
        onLoss: () => void this.lookUp()
      }
    })
  }

  subscribe(listener: ControlListener): void {
    this.#listeners.push(listener)
  }

  /**
   * Tells all nodes, this one first: resolves when it is applied here and stored for the others. Throws
   * `store_unavailable`; the others may have heard of it then, and doing it again is safe.
   */
  async announce(entry: ControlEntry): Promise<void> {
    const { streams, clock, random } = this.#options
    const encoded = Buffer.from(JSON.stringify(entry))
    const timestamp = clock.now()
    const messageId = random.timeUuid(timestamp)
    const options = { messageId, timestamp, retention: RETENTION, idempotencyMs: IDEMPOTENCY_MS }
    const [stored] = await Promise.allSettled([streams.publish(CHANNEL, encoded, options), this.#apply(entry)])
    if (stored.status === 'rejected') throw stored.reason
  }

  /** Looks everything up anew. Never rejects. */
  async lookUp(): Promise<void> {
    this.#options.channels.forgetRecent()
    await Promise.all(this.#listeners.map((listener) => listener.lookUp()))
  }

  async #apply(entry: ControlEntry): Promise<void> {
    if (entry.type === 'purge') this.#options.channels.get(entry.channel)?.forgetRecent()
    await Promise.all(this.#listeners.map((listener) => listener.apply(entry)))
  }
}
