import { NotAskedError, storeUnavailable } from '../../errors.js'
import { type Random, systemRandom } from '../../random.js'
import { answered } from '../answered.js'
import { continuityOf, emptyPage, type Fork, isAnotherMessage, judgePosition, newEpoch } from '../continuity.js'
import { decodeMessage, decodeRecord, encodeSignal } from '../record.js'
import {
  type ChannelId,
  META_GRACE_MS,
  type Page,
  type Position,
  type Published,
  type PublishOptions,
  type ReadQuery,
  type SignalOptions,
  type StoredMessage,
  type StreamListener,
  type Streams
} from '../streams.js'
import type { RedisConnections } from './connections.js'
import type { Keys } from './keys.js'
import type { OrderedScript } from './ordered-script.js'
import { pagesByPartition } from './partition-pages.js'
import { PublishQueue } from './publish-queue.js'
import type { RunWatch } from './run-watch.js'

/** Channels that one script looks at. */
const TOUCH_PAGE = 100
/** Topics named in one SUBSCRIBE. */
const SUBSCRIBE_BATCH = 1000

export interface RedisStreamsOptions {
  readonly connections: RedisConnections
  readonly keys: Keys
  readonly run: RunWatch
  /** The script that publishes, on the connection for commands. */
  readonly publish: OrderedScript
  /** The system's where none is given. */
  readonly random?: Random
}

/** Streams that many nodes share: one script numbers, stores, de-duplicates and publishes. */
export class RedisStreams implements Streams {
  readonly #connections: RedisConnections
  readonly #keys: Keys
  readonly #run: RunWatch
  readonly #publishes: PublishQueue
  readonly #random: Random
  /** What this node hears, by topic: the one truth, also after a reconnect. */
  readonly #topics = new Map<string, ChannelId>()
  #listener: StreamListener | undefined
  /** The subscriber's connection is another one than the topics were subscribed on. */
  #forgotten = false
  /** Subscriptions that Redis has not confirmed yet. */
  readonly #confirming = new Map<ChannelId, Promise<void>>()

  constructor({ connections, keys, run, publish, random = systemRandom }: RedisStreamsOptions) {
    this.#connections = connections
    this.#keys = keys
    this.#run = run
    this.#publishes = new PublishQueue({ keys, run, script: publish, random })
    this.#random = random
  }

  async start(listener: StreamListener): Promise<void> {
    this.#listener = listener
    const { subscriber } = this.#connections
    subscriber.on('messageBuffer', (topic: Buffer, record: Buffer) => this.#receive(topic.toString(), record))
    subscriber.on('close', () => {
      this.#forgotten = true
    })
  }

  publish(channel: ChannelId, encoded: Buffer, options: PublishOptions): Promise<Published> {
    return this.#publishes.push(channel, encoded, options)
  }

  async signal(channel: ChannelId, encoded: Buffer, { exclude = [] }: SignalOptions = {}): Promise<void> {
    await answered(this.#connections.commands.publish(this.#keys.topic(channel), encodeSignal({ encoded, exclude })))
  }

  async read(channel: ChannelId, { after, before, limit }: ReadQuery): Promise<Page> {
    const wanted = after?.messageId === undefined || after.offset === 0 ? '' : after.offset
    // A position that turns out to be void is read again from the beginning.
    const answer = await this.#readFrom(
      channel,
      after ? 'after' : 'before',
      after?.offset ?? before ?? '',
      limit,
      wanted
    )
    if (answer === undefined) return emptyPage(after)
    const { top, forks, oldest, found } = answer
    if (after === undefined) {
      const messages = answer.messages.reverse()
      const end = Math.min(before ?? top.offset + 1, top.offset + 1)
      return { top, oldest, messages, hasMore: (messages[0]?.offset ?? end) > oldest, continuity: 'contiguous' }
    }
    const state = { epoch: top.epoch, top: top.offset, forks }
    const judged = judgePosition(state, after)
    const verdict = judged.valid && isAnotherMessage(after, found) ? ({ valid: false, holds: 0 } as const) : judged
    const isEmpty = oldest > top.offset
    const messages =
      verdict.valid || isEmpty
        ? answer.messages
        : ((await this.#readFrom(channel, 'after', 0, limit, ''))?.messages ?? [])
    const last = messages.at(-1)?.offset ?? Math.max(verdict.valid ? after.offset : 0, oldest - 1)
    return { top, oldest, messages, hasMore: last < top.offset, ...continuityOf(verdict, after, oldest) }
  }

  async purge(channel: ChannelId): Promise<void> {
    // The top is in the meta: without a log every earlier position has a gap up to there.
    await answered(this.#connections.commands.unlink(this.#keys.log(channel)))
  }

  async tops(channels: readonly ChannelId[]): Promise<Position[]> {
    const run = this.#currentRun()
    const pages = [...pagesByPartition(channels, TOUCH_PAGE)]
    const found = await answered(Promise.all(pages.map((page) => this.#touch(page, run))))
    const tops = new Map(found.flat())
    // Each was asked for, so each is there.
    return channels.map((channel) => tops.get(channel) as Position)
  }

  async subscribe(channels: readonly ChannelId[]): Promise<Position[]> {
    const fresh = channels.filter((channel) => !this.#topics.has(this.#keys.topic(channel)))
    for (const channel of fresh) this.#topics.set(this.#keys.topic(channel), channel)
    const confirmed = this.#subscribeTopics(fresh.map((channel) => this.#keys.topic(channel)))
    for (const channel of fresh) this.#confirming.set(channel, confirmed)
    try {
      await answered(Promise.all(channels.map((channel) => this.#confirming.get(channel))))
      return await this.tops(channels)
    } catch (error) {
      // Not waited for: the caller has waited long enough.
      void this.unsubscribe(fresh)
      throw error
    } finally {
      for (const channel of fresh) this.#confirming.delete(channel)
    }
  }

  async unsubscribe(channels: readonly ChannelId[]): Promise<void> {
    const topics = channels.map((channel) => this.#keys.topic(channel)).filter((topic) => this.#topics.delete(topic))
    // Where Redis is away, the connection that hears them is gone as well.
    if (topics.length > 0) await this.#connections.subscriber.unsubscribe(...topics).catch(() => {})
  }

  async resubscribe(): Promise<void> {
    if (!this.#forgotten) return
    this.#forgotten = false
    try {
      await answered(this.#subscribeTopics([...this.#topics.keys()], (topic) => this.#topics.has(topic)))
    } catch (error) {
      this.#forgotten = true
      throw error
    }
  }

  /** Channels of one partition. */
  async #touch(channels: readonly ChannelId[], run: string): Promise<Array<[ChannelId, Position]>> {
    const keys = channels.flatMap((channel) => [this.#keys.meta(channel), this.#keys.log(channel)])
    const answer = await this.#connections.commands.rcTouch(
      keys.length,
      ...keys,
      newEpoch(this.#random),
      run,
      META_GRACE_MS
    )
    return channels.map((channel, index) => {
      const [epoch = '', offset] = answer.slice(2 * index, 2 * index + 2)
      return [channel, { epoch, offset: offsetOf(offset) }]
    })
  }

  #receive(topic: string, record: Buffer): void {
    const channel = this.#topics.get(topic)
    if (channel === undefined || this.#listener === undefined) return
    const decoded = decodeRecord(record)
    if (decoded === undefined) this.#listener.onMalformed?.(channel)
    if (decoded?.kind === 'signal') this.#listener.onSignal(channel, decoded.signal)
    for (const message of decoded?.kind === 'messages' ? decoded.messages : [])
      this.#listener.onMessage(channel, message)
  }

  /** In batches; `isWanted` is asked just before each. */
  async #subscribeTopics(topics: string[], isWanted: (topic: string) => boolean = () => true): Promise<void> {
    for (let start = 0; start < topics.length; start += SUBSCRIBE_BATCH) {
      const batch = topics.slice(start, start + SUBSCRIBE_BATCH).filter(isWanted)
      if (batch.length > 0) await this.#connections.subscriber.subscribe(...batch)
    }
  }

  async #readFrom(
    channel: ChannelId,
    direction: 'after' | 'before',
    offset: number | '',
    limit: number,
    wanted: number | ''
  ): Promise<RawPage | undefined> {
    const { commands } = this.#connections
    const answer = await answered(
      commands.rcReadBuffer(this.#keys.meta(channel), this.#keys.log(channel), direction, offset, limit, wanted)
    )
    return answer.length === 0 ? undefined : rawPage(answer)
  }

  #currentRun(): string {
    const run = this.#run.current
    if (run === undefined) throw storeUnavailable(new NotAskedError('Redis is not connected'))
    return run
  }
}

interface RawPage {
  readonly top: Position
  readonly forks: Fork[]
  readonly oldest: number
  readonly messages: StoredMessage[]
  readonly found: StoredMessage | undefined
}

const unreadable = { epoch: '', timestamp: 0, messageId: '', exclude: [], encoded: Buffer.alloc(0) }

type Entry = [id: Buffer, fields: Buffer[]]

function rawPage(answer: unknown[]): RawPage {
  const [epoch, topText, forks, oldest, entries, found] = answer as [Buffer, Buffer, Buffer, Buffer, Entry[], Entry[]]
  const top = offsetOf(topText)
  return {
    top: { epoch: epoch.toString(), offset: top },
    forks: forks.toString().split(' ').filter(Boolean).map(forkOf),
    oldest: offsetOf(oldest),
    messages: entries.map(messageOf).filter(({ offset }) => offset <= top),
    found: found.map(messageOf).find(({ epoch }) => epoch !== '')
  }
}

/** Throws `store_unavailable` for what no script has written. */
function offsetOf(text: Buffer | string | undefined): number {
  const offset = Number(text ?? Number.NaN)
  if (!Number.isSafeInteger(offset) || offset < 0) throw storeUnavailable(new Error('an offset cannot be read'))
  return offset
}

function forkOf(text: string): Fork {
  const [epoch = '', offset] = text.split(':')
  return { epoch, offset: Number(offset) }
}

/** An entry that no script has written keeps its place, without anything that could be read. */
function messageOf([id, fields]: Entry): StoredMessage {
  const offset = Number.parseInt(id.toString('latin1'), 10)
  const message = fields[1] && decodeMessage(fields[1])
  return message?.offset === offset ? message : { ...unreadable, offset }
}
