import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../clock.js'
import { storeUnavailable } from '../../errors.js'
import { type Random, systemRandom } from '../../random.js'
import { continuityOf, emptyPage, isAnotherMessage, judgePosition, type Verdict } from '../continuity.js'
import {
  type ChannelId,
  META_GRACE_MS,
  type Page,
  type Position,
  type Published,
  type PublishOptions,
  type ReadQuery,
  type SignalOptions,
  type StreamListener,
  type Streams
} from '../streams.js'
import type { ChannelMeta, Ledger, LedgerBatch } from './ledger.js'
import { newMeta, PublishBatch } from './publish-batch.js'

/** Bounds how long one commit holds the others up. */
const BATCH_MAX = 4096
/** Channels that a sweep looks at in one turn of the event loop. */
const SWEEP_SLICE = 256
/** Written to see whether the store can be written to. */
const PROBE = 'probe:'

interface PendingPublish {
  readonly channel: ChannelId
  readonly encoded: Buffer
  readonly options: PublishOptions
  readonly resolve: (published: Published) => void
  readonly reject: (error: Error) => void
}

/** Channels that are about to be touched together. */
interface Touching {
  readonly channels: Set<ChannelId>
  readonly done: Promise<void>
}

/**
 * Streams of one process. Publishes are committed in batches, one batch at a time: while one is being flushed the
 * next gathers, so that the price of a flush is shared under load and a lone message pays for one only.
 */
export class EmbeddedStreams implements Streams {
  readonly #ledger: Ledger
  readonly #clock: Clock
  readonly #random: Random
  readonly #subscribed = new Set<ChannelId>()
  #listener: StreamListener | undefined
  #writable = true
  /** Those that wait; undefined from the moment in which they are. */
  #touching: Touching | undefined
  #queue: PendingPublish[] = []
  readonly #steps: Array<() => Promise<void>> = []
  #working: Promise<void> | undefined

  constructor(ledger: Ledger, clock: Clock, random: Random = systemRandom) {
    this.#ledger = ledger
    this.#clock = clock
    this.#random = random
  }

  async start(listener: StreamListener): Promise<void> {
    this.#listener = listener
  }

  publish(channel: ChannelId, encoded: Buffer, options: PublishOptions): Promise<Published> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ channel, encoded, options, resolve, reject })
      this.#work()
    })
  }

  async signal(channel: ChannelId, encoded: Buffer, { exclude = [] }: SignalOptions = {}): Promise<void> {
    if (this.#subscribed.has(channel)) this.#listener?.onSignal(channel, { encoded, exclude })
  }

  async read(channel: ChannelId, query: ReadQuery): Promise<Page> {
    const meta = this.#ledger.meta(channel)
    if (meta === undefined) return emptyPage(query.after)
    const top: Position = { epoch: meta.epoch, offset: meta.top }
    const oldest = this.#oldestKept(channel, meta)
    if (query.after === undefined) return { top, oldest, ...this.#readBackwards(channel, meta, oldest, query) }

    const verdict = this.#judge(channel, meta, query.after)
    const from = verdict.valid ? Math.max(query.after.offset + 1, oldest) : oldest
    const messages = this.#ledger.read(channel, { from, to: meta.top, limit: query.limit })
    const hasMore = (messages.at(-1)?.offset ?? from - 1) < meta.top
    return { top, oldest, messages, hasMore, ...continuityOf(verdict, query.after, oldest) }
  }

  async purge(channel: ChannelId): Promise<void> {
    await this.#exclusively(async () => {
      const meta = this.#ledger.meta(channel)
      if (meta === undefined || meta.oldest > meta.top) return
      const emptied = { ...meta, oldest: meta.top + 1 }
      await this.#commitOrRefuse({ metas: [[channel, emptied]], trims: [[channel, meta.top]] })
    })
  }

  async tops(channels: readonly ChannelId[]): Promise<Position[]> {
    const metas = channels.map((channel) => this.#ledger.meta(channel))
    const stale = channels.filter((_channel, index) => !this.#isFresh(metas[index]))
    if (stale.length === 0) return metas.map(positionOf)
    await this.#touchSoon(stale)
    return channels.map((channel) => positionOf(this.#ledger.meta(channel)))
  }

  async subscribe(channels: readonly ChannelId[]): Promise<Position[]> {
    for (const channel of channels) this.#subscribed.add(channel)
    return await this.tops(channels)
  }

  async resubscribe(): Promise<void> {}

  async unsubscribe(channels: readonly ChannelId[]): Promise<void> {
    for (const channel of channels) this.#subscribed.delete(channel)
  }

  /** False from a commit that failed to the next that does not. */
  get writable(): boolean {
    return this.#writable
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working
  }

  /**
   * Removes messages that are too old, and forgets channels that nobody listens to a day after their last message
   * went. Works in small steps, so that publishes go on in between.
   */
  async sweep(): Promise<void> {
    // Nobody publishes to a node that is not ready: it has to find out by itself.
    if (!this.#writable) await this.#exclusively(() => this.#touch([PROBE]))
    let seen = 0
    for (const channel of this.#ledger.channels()) {
      if (++seen % SWEEP_SLICE === 0) await setImmediate()
      const meta = this.#ledger.meta(channel)
      if (meta === undefined || !this.#hasEnded(channel, meta)) continue
      await this.#exclusively(() => this.#sweepChannel(channel))
    }
    for (let more = true; more; ) {
      await this.#exclusively(async () => {
        more = await this.#ledger.sweepReceipts(this.#clock.now())
      })
    }
  }

  /** Runs `step` between two batches. */
  #exclusively(step: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#steps.push(() => step().then(resolve, reject))
      this.#work()
    })
  }

  #work(): void {
    this.#working ??= this.#run()
  }

  async #run(): Promise<void> {
    // After the sockets of this turn were read: their publishes share one flush.
    await setImmediate()
    while (this.#queue.length > 0 || this.#steps.length > 0) {
      const step = this.#steps.shift()
      if (step !== undefined) await step()
      const batch = this.#queue.slice(0, BATCH_MAX)
      this.#queue = this.#queue.slice(BATCH_MAX)
      if (batch.length > 0) await this.#commit(batch)
    }
    this.#working = undefined
  }

  async #commit(pending: PendingPublish[]): Promise<void> {
    const batch = new PublishBatch(this.#ledger, this.#random, this.#clock.now())
    let outcomes: Published[]
    try {
      outcomes = pending.map(({ channel, encoded, options }) => batch.add(channel, encoded, options))
      await this.#ledger.commit(batch.toLedger())
      this.#writable = true
    } catch (error) {
      this.#writable = false
      for (const { reject } of pending) reject(storeUnavailable(error))
      return
    }
    for (const [channel, message] of batch.messages()) {
      if (this.#subscribed.has(channel)) this.#listener?.onMessage(channel, message)
    }
    for (const [index, outcome] of outcomes.entries()) pending[index]?.resolve(outcome)
  }

  #readBackwards(
    channel: ChannelId,
    meta: ChannelMeta,
    oldest: number,
    { before = meta.top + 1, limit }: ReadQuery
  ): Omit<Page, 'top' | 'oldest'> {
    const to = Math.min(before - 1, meta.top)
    const messages = this.#ledger.read(channel, { from: oldest, to, limit, newestFirst: true }).reverse()
    const hasMore = (messages[0]?.offset ?? to + 1) > oldest
    return { messages, hasMore, continuity: 'contiguous' }
  }

  #judge(channel: ChannelId, meta: ChannelMeta, after: NonNullable<ReadQuery['after']>): Verdict {
    const verdict = judgePosition(meta, after)
    if (!verdict.valid || after.messageId === undefined || after.offset === 0) return verdict
    const [found] = this.#ledger.read(channel, { from: after.offset, to: after.offset, limit: 1 })
    return isAnotherMessage(after, found) ? { valid: false, holds: 0 } : verdict
  }

  /** The first offset that is neither trimmed nor too old; top + 1 where all are gone. */
  #oldestKept(channel: ChannelId, meta: ChannelMeta): number {
    const horizon = this.#clock.now() - meta.ttlMs
    let oldest = meta.oldest
    // Messages are nearly ordered by time, so the old ones stand first; as a rule there are none.
    for (let limit = 1; oldest <= meta.top; limit = 100) {
      const messages = this.#ledger.read(channel, { from: oldest, to: meta.top, limit })
      const kept = messages.find(({ timestamp }) => timestamp > horizon)
      if (kept !== undefined) return kept.offset
      oldest = (messages.at(-1)?.offset ?? meta.top) + 1
    }
    return oldest
  }

  #isFresh(meta: ChannelMeta | undefined): boolean {
    return meta !== undefined && meta.expiresAt - this.#clock.now() > META_GRACE_MS / 2
  }

  /** As `#touch`: those who wait for their turn share one flush. */
  #touchSoon(channels: readonly ChannelId[]): Promise<void> {
    this.#touching ??= this.#beginTouching()
    for (const channel of channels) this.#touching.channels.add(channel)
    return this.#touching.done
  }

  #beginTouching(): Touching {
    const channels = new Set<ChannelId>()
    const done = this.#exclusively(async () => {
      this.#touching = undefined
      await this.#touch([...channels])
    })
    return { channels, done }
  }

  /** Creates what is missing, and lets what is there live for another day. */
  async #touch(channels: readonly ChannelId[]): Promise<void> {
    const metas = new Map<ChannelId, ChannelMeta>()
    for (const channel of channels) {
      const meta = this.#ledger.meta(channel) ?? newMeta(this.#random)
      const expiresAt = this.#clock.now() + meta.ttlMs + META_GRACE_MS
      metas.set(channel, { ...meta, expiresAt: Math.max(meta.expiresAt, expiresAt) })
    }
    await this.#commitOrRefuse({ metas })
  }

  async #commitOrRefuse(batch: LedgerBatch): Promise<void> {
    try {
      await this.#ledger.commit(batch)
      this.#writable = true
    } catch (error) {
      this.#writable = false
      throw storeUnavailable(error)
    }
  }

  #hasEnded(channel: ChannelId, meta: ChannelMeta): boolean {
    return this.#mayForget(channel, meta) || this.#oldestKept(channel, meta) > meta.oldest
  }

  #mayForget(channel: ChannelId, meta: ChannelMeta): boolean {
    return meta.expiresAt <= this.#clock.now() && !this.#subscribed.has(channel)
  }

  async #sweepChannel(channel: ChannelId): Promise<void> {
    const meta = this.#ledger.meta(channel)
    if (meta === undefined) return
    const forgotten = this.#mayForget(channel, meta)
    const oldest = forgotten ? meta.top + 1 : this.#oldestKept(channel, meta)
    const what = forgotten ? { forgotten: [channel] } : { metas: [[channel, { ...meta, oldest }]] as const }
    await this.#commitOrRefuse({ ...what, trims: [[channel, oldest - 1]] })
  }
}

function positionOf(meta: ChannelMeta | undefined): Position {
  // `tops` has just made sure that it is there.
  return { epoch: meta?.epoch ?? '', offset: meta?.top ?? 0 }
}
