import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../clock.js'
import type { Turn } from '../connections/turn.js'
import type { ChannelId, Position, SignalMessage, StoredMessage, StreamListener, Streams } from '../store/streams.js'
import { Channel, type ChannelSurroundings, type ChannelTopic } from './channel.js'

export interface ChannelRegistryOptions {
  readonly streams: Streams
  readonly turn: Turn
  readonly clock: Clock
  readonly onDelivered: (count: number) => void
  readonly onSignalsDropped: (count: number) => void
  readonly onRepair: () => void
  readonly onLoss: (loss: 'gap' | 'reset') => void
  /** Something came that no node has written; it was passed over. */
  readonly onMalformed: (id: ChannelId) => void
  /** As `Channel` has it. */
  readonly beforeReset: () => Promise<void>
  /** A task in the background that failed; it is tried again. */
  readonly onError: (error: unknown) => void
}

/** What a channel is for, on a node that hears it. */
export interface ChannelPurpose extends ChannelTopic {
  /** What to do with a signal of the channel. False for one that no node has written: it is passed over. */
  onSignal(channel: Channel, signal: SignalMessage): boolean
  /** Signals may have been missed: they come once or never. */
  onSignalsMissed?(channel: Channel): void
}

interface Entry {
  /** A fresh one for each subscription: nothing under way for the last one can touch it. */
  channel: Channel
  readonly purpose: ChannelPurpose
  /** Who needs it: while there is anyone the node hears it. */
  holders: number
  subscribed: boolean
  /** Subscribing and unsubscribing of one channel run one after the other: else they could overtake each other. */
  tail: Promise<void> | undefined
}

interface WaitingSubscribe {
  readonly id: ChannelId
  readonly resolve: (position: Position) => void
  readonly reject: (error: unknown) => void
}

/** How often the newest positions are compared with what was heard: finds a last message that was lost. */
const VERIFY_PERIOD_MS = 20_000
const VERIFY_BATCH = 4000
/** Channels that are repaired side by side. */
const REPAIR_WIDTH = 500
/** How long the look at the tops waits for its repairs: one channel that cannot be read must not hold the others up. */
const REPAIR_WAIT_MS = 5000
const RETRY_MS = 1000

/** The channels that this node hears. The message bus: what the store publishes finds its way to connections here. */
export class ChannelRegistry implements StreamListener {
  readonly #options: ChannelRegistryOptions
  readonly #surroundings: ChannelSurroundings
  readonly #entries = new Map<ChannelId, Entry>()
  #waiting: WaitingSubscribe[] = []
  #stop: () => void = () => {}

  constructor(options: ChannelRegistryOptions) {
    this.#options = options
    this.#surroundings = {
      ...options,
      read: (id, query) => options.streams.read(id, query),
      pause: () => this.#pause(RETRY_MS),
      onHole: (id) => this.#onMissed(id)
    }
  }

  get size(): number {
    return this.#entries.size
  }

  async start(): Promise<void> {
    await this.#options.streams.start(this)
    this.#stop = this.#options.clock.every(VERIFY_PERIOD_MS, () => {
      for (const { channel } of this.#entries.values()) channel.tidy()
      void this.#lookSafely()
    })
  }

  close(): void {
    this.#stop()
  }

  /** The channel where this node hears it. */
  get(id: ChannelId): Channel | undefined {
    const entry = this.#entries.get(id)
    return entry?.subscribed === true ? entry.channel : undefined
  }

  /**
   * Hears the channel from now on, until `release` was called as often. Rejects with `store_unavailable`, and then
   * nothing is to be released.
   */
  async acquire(id: ChannelId, purpose: ChannelPurpose): Promise<Channel> {
    const entry = this.#entries.get(id) ?? this.#create(id, purpose)
    entry.holders++
    try {
      await this.#settle(entry)
      return entry.channel
    } catch (error) {
      this.release(id)
      throw error
    }
  }

  /**
   * Hears the channel from now on and for ever; where the store is away, `hearMissing` sees to it later. Never rejects.
   */
  async listen(id: ChannelId, purpose: ChannelPurpose): Promise<void> {
    const entry = this.#entries.get(id) ?? this.#create(id, purpose)
    entry.holders++
    await this.#settle(entry).catch(this.#options.onError)
  }

  /** Hears what could not be subscribed when it was asked for. Rejects with `store_unavailable`. */
  async hearMissing(): Promise<void> {
    const missing = [...this.#entries.values()].filter(({ holders, subscribed }) => holders > 0 && !subscribed)
    await Promise.all(missing.map((entry) => this.#settle(entry)))
  }

  release(id: ChannelId): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.holders--
    if (entry.holders === 0) this.#settle(entry).catch(this.#options.onError)
  }

  /** Messages may have been purged: what of them is here serves nobody any more. */
  forgetRecent(): void {
    for (const { channel } of this.#entries.values()) channel.forgetRecent()
  }

  onMessage(id: ChannelId, message: StoredMessage): void {
    this.#entries.get(id)?.channel.accept(message)
  }

  onSignal(id: ChannelId, signal: SignalMessage): void {
    const entry = this.#entries.get(id)
    if (entry?.purpose.onSignal(entry.channel, signal) === false) this.#options.onMalformed(id)
  }

  /** Signals may have been missed, and messages: as `lookAtTops`. */
  async catchUp(): Promise<void> {
    for (const id of this.#entries.keys()) this.#onMissed(id)
    await this.lookAtTops()
  }

  /**
   * Compares what was heard with the newest positions of all channels, and repairs what differs. Resolves when that is
   * done, as far as it can be. Rejects with `store_unavailable`.
   */
  async lookAtTops(): Promise<void> {
    const behind = await this.#findBehind([...this.#entries.keys()])
    for (let start = 0; start < behind.length; start += REPAIR_WIDTH) {
      const repairs = behind.slice(start, start + REPAIR_WIDTH).map((channel) => channel.repair())
      await Promise.race([Promise.all(repairs), this.#pause(REPAIR_WAIT_MS)])
    }
  }

  /** A failure is for the next look; where the store was away, that comes with its return. */
  async #lookSafely(): Promise<void> {
    await this.lookAtTops().catch(this.#options.onError)
  }

  #onMissed(id: ChannelId): void {
    const entry = this.#entries.get(id)
    if (entry?.subscribed === true) entry.purpose.onSignalsMissed?.(entry.channel)
  }

  #create(id: ChannelId, purpose: ChannelPurpose): Entry {
    const channel = new Channel(id, purpose, this.#surroundings)
    const entry = { channel, purpose, holders: 0, subscribed: false, tail: undefined }
    this.#entries.set(id, entry)
    return entry
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve))
  }

  /** Brings the subscription to what the holders need, after whatever is under way for this channel. */
  #settle(entry: Entry): Promise<void> {
    if (entry.holders > 0 && entry.subscribed) return Promise.resolve()
    const settled = (entry.tail ?? Promise.resolve()).then(() => this.#adjust(entry))
    const tail = settled
      .catch(() => {})
      .then(() => {
        if (entry.tail === tail) entry.tail = undefined
      })
    entry.tail = tail
    return settled
  }

  async #adjust(entry: Entry): Promise<void> {
    const { id } = entry.channel
    if (entry.holders > 0 && !entry.subscribed) {
      entry.channel.begin(await this.#subscribe(id))
      entry.subscribed = true
    } else if (entry.holders === 0) {
      entry.subscribed = false
      entry.channel.end()
      entry.channel = new Channel(id, entry.purpose, this.#surroundings)
      await this.#options.streams.unsubscribe([id])
      // Somebody may have come meanwhile, whose subscription waits for this end.
      if (entry.holders === 0) this.#entries.delete(id)
    }
  }

  /** Joins of one turn become one subscription. */
  #subscribe(id: ChannelId): Promise<Position> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, resolve, reject })
      if (this.#waiting.length === 1) setImmediate(() => this.#subscribeWaiting())
    })
  }

  async #subscribeWaiting(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      const positions = await this.#options.streams.subscribe(waiting.map(({ id }) => id))
      for (const [index, { resolve }] of waiting.entries()) resolve(positions[index] as Position)
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  /** Channels whose newest position is another than what was heard. */
  async #findBehind(ids: readonly ChannelId[]): Promise<Channel[]> {
    const behind: Channel[] = []
    for (let start = 0; start < ids.length; start += VERIFY_BATCH) {
      const channels = ids.slice(start, start + VERIFY_BATCH).flatMap((id) => this.get(id) ?? [])
      const tops = await this.#options.streams.tops(channels.map(({ id }) => id))
      for (const [index, channel] of channels.entries()) {
        const top = tops[index]
        // Nobody needs it any more.
        if (this.get(channel.id) !== channel) continue
        const { epoch, offset } = channel.position
        if (top !== undefined && (top.epoch !== epoch || top.offset > offset)) behind.push(channel)
      }
      await nextTurn()
    }
    return behind
  }
}
