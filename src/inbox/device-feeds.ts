import type { Channel } from '../channels/channel.js'
import type { ChannelRegistry } from '../channels/channel-registry.js'
import { publicationOf } from '../channels/publication.js'
import { Receiver } from '../channels/receiver.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import { RoomcastError } from '../errors.js'
import { addTo, type Few, itemsOf, removeFrom } from '../few.js'
import type { ChannelTag } from '../protocol/pushes.js'
import type { CursorReply } from '../protocol/replies.js'
import type { Cursor, CursorKey, Cursors } from '../store/cursors.js'
import type { ChannelId, Page, Position, Retention, Streams } from '../store/streams.js'

export interface DeviceFeedsOptions {
  readonly streams: Streams
  readonly channels: ChannelRegistry
  readonly cursors: Cursors
  /** Of all these channels. */
  readonly retention: Retention
  readonly clock: Clock
}

export interface Feed {
  readonly channel: ChannelId
  readonly tag: ChannelTag
  /** Where a device begins that has no cursor yet, and before which nothing is its own; without it at the oldest message. */
  readonly start?: Cursor | undefined
  /** Tells apart two feeds of one channel, one after the other. */
  readonly id?: string | undefined
}

interface Attached {
  readonly feed: Feed
  readonly receiver: Receiver
}

/** What a device has of a channel, and what it has not acknowledged. */
export interface FeedPage {
  readonly epoch: string | null
  readonly offset: number
  readonly cursor: number
  /** Kept messages after the cursor. */
  readonly unacked: number
  readonly messages: readonly Buffer[]
  readonly has_more: boolean
}

const RETRY_MS = 1000
/** Cursors that are written again side by side. */
const REOPEN_PAGE = 500

/**
 * Channels that reach a device also when it was away: each connection is sent everything after its device's cursor
 * and then goes on live; the cursor moves when the device acknowledges, and by nothing else.
 */
export class DeviceFeeds {
  readonly #options: DeviceFeedsOptions
  readonly #attached = new Map<Connection, Few<Attached>>()

  constructor(options: DeviceFeedsOptions) {
    this.#options = options
  }

  /**
   * Begins to send a channel to a connection with a user. While the store is away it waits. Never rejects; does
   * nothing for a connection that is closed, or that hears the channel already.
   */
  async attach(connection: Connection, feed: Feed): Promise<void> {
    while (!connection.closed && !(await this.tryAttach(connection, feed))) {
      await new Promise<void>((resolve) => this.#options.clock.after(RETRY_MS, resolve))
    }
  }

  /**
   * The same once: false where the store is away. `isWanted` is asked just before the connection begins to hear; true
   * is answered as well where nothing was to be done.
   */
  async tryAttach(connection: Connection, feed: Feed, isWanted: () => boolean = () => true): Promise<boolean> {
    if (this.has(connection, feed.channel)) return true
    const { channels, retention } = this.#options
    let channel: Channel
    try {
      channel = await channels.acquire(feed.channel, { tag: feed.tag, retention, onSignal: refuse })
    } catch {
      return false
    }
    const cursor = await this.#openCursor(connection, feed, channel.position).catch(() => undefined)
    const unwanted = connection.closed || this.has(connection, feed.channel) || !isWanted()
    if (cursor === undefined || unwanted) {
      channels.release(feed.channel)
      return unwanted
    }
    const receiver = new Receiver(connection, cursor)
    addTo(this.#attached, connection, { feed, receiver })
    channel.attach(receiver)
    void channel.catchUp(receiver)
    return true
  }

  /**
   * The store may have lost the devices of this node's connections: writes those again that it does not know. Idempotent;
   * rejects with `store_unavailable`.
   */
  async reopenAll(): Promise<void> {
    const all = [...this.#attached].flatMap(([connection, feeds]) =>
      [...itemsOf(feeds)].map(({ feed }) => ({ connection, feed }))
    )
    for (let start = 0; start < all.length; start += REOPEN_PAGE) {
      const page = all.slice(start, start + REOPEN_PAGE)
      // A lost channel has to have its new epoch first: a cursor in the old one would be void.
      const ids = [...new Set(page.map(({ feed }) => feed.channel))]
      const tops = await this.#options.streams.tops(ids)
      const topOf = new Map(ids.map((id, index) => [id, tops[index] as Position]))
      await Promise.all(page.map(({ connection, feed }) => this.#reopen(connection, feed, topOf.get(feed.channel))))
    }
  }

  has(connection: Connection, channel: ChannelId): boolean {
    return this.#find(connection, channel) !== undefined
  }

  /** What a connection hears. */
  of(connection: Connection): Feed[] {
    return [...itemsOf(this.#attached.get(connection))].map(({ feed }) => feed)
  }

  /** Ends the sending of one channel. Idempotent. */
  detach(connection: Connection, channel: ChannelId): void {
    const ended = this.#find(connection, channel)
    if (ended === undefined) return
    removeFrom(this.#attached, connection, ended)
    this.#options.channels.get(channel)?.detach(ended.receiver)
    this.#options.channels.release(channel)
  }

  /** The connection is gone. Idempotent. */
  detachAll(connection: Connection): void {
    for (const { channel } of this.of(connection)) this.detach(connection, channel)
  }

  /**
   * Moves a device's cursor up to a position, never back, nor before `start`; one that is void changes nothing. Answers
   * the cursor as it is now. Throws `invalid_message` for an offset above the top.
   */
  async acknowledge(
    key: CursorKey,
    position: { offset: number; epoch?: string | undefined },
    start?: Cursor
  ): Promise<CursorReply> {
    const { streams, cursors } = this.#options
    const { offset, epoch } = position
    const page = await streams.read(key.channel, { after: { offset, epoch }, limit: 0 })
    const { top } = page
    if (offset > (top?.offset ?? 0) && (epoch === undefined || epoch === top?.epoch)) {
      throw new RoomcastError('invalid_message', { message: 'offset: nothing was sent that far' })
    }
    const floor = start?.epoch === top?.epoch ? (start?.offset ?? 0) : 0
    const before = Math.max(await this.#cursorOf(key, page), floor)
    if (top === undefined || page.continuity === 'reset' || offset <= before) {
      return { offset: before, epoch: top?.epoch ?? null }
    }
    return await cursors.advance(key, { epoch: top.epoch, offset })
  }

  /** A page of a channel from `after` on, else from the device's cursor. Makes no device. */
  async read(key: CursorKey, { after, limit }: { after?: number | undefined; limit: number }): Promise<FeedPage> {
    const { streams } = this.#options
    const cursor = await this.#cursorOf(key, await streams.read(key.channel, { limit: 0 }))
    const page = await streams.read(key.channel, { after: { offset: after ?? cursor }, limit })
    const offset = page.top?.offset ?? 0
    return {
      epoch: page.top?.epoch ?? null,
      offset,
      cursor,
      unacked: offset - Math.max(cursor, page.oldest - 1),
      messages: page.messages.map((message) => publicationOf(message).payload),
      has_more: page.hasMore
    }
  }

  /** A connection hears few channels: its inbox and those of its user's groups. */
  #find(connection: Connection, channel: ChannelId): Attached | undefined {
    for (const attached of itemsOf(this.#attached.get(connection))) {
      if (attached.feed.channel === channel) return attached
    }
    return undefined
  }

  async #reopen(connection: Connection, feed: Feed, top: Position | undefined): Promise<void> {
    if (top !== undefined && this.has(connection, feed.channel)) await this.#openCursor(connection, feed, top)
  }

  /** `top` is where the channel stood a moment ago. */
  async #openCursor(connection: Connection, { channel, start }: Feed, top: Position): Promise<Cursor> {
    const { streams, cursors } = this.#options
    const key = cursorKeyOf(connection, channel)
    if (start === undefined) return await cursors.open(key, await this.#beginningOf(key, top))
    const page = await streams.read(channel, { after: start, limit: 0 })
    const cursor = await cursors.open(key, start)
    // One that was kept from an earlier membership, by an acknowledgement that crossed its end.
    const floor = page.continuity === 'reset' ? { epoch: page.top?.epoch ?? top.epoch, offset: page.holds ?? 0 } : start
    return cursor.offset < floor.offset ? floor : cursor
  }

  /** Where a device goes on, or begins. The log is read for a new one only, and not where it is empty. */
  async #beginningOf(key: CursorKey, { epoch, offset }: Position): Promise<Cursor> {
    if (offset === 0) return { epoch, offset }
    const known = await this.#options.cursors.read(key)
    if (known !== undefined) return known
    const page = await this.#options.streams.read(key.channel, { limit: 0 })
    return { epoch: page.top?.epoch ?? epoch, offset: page.oldest - 1 }
  }

  /** The device's offset in the present numbering: the fork, or 0, for a cursor that became void. */
  async #cursorOf(key: CursorKey, { top, oldest }: Page): Promise<number> {
    const cursor = await this.#options.cursors.read(key)
    if (cursor === undefined) return oldest - 1
    if (cursor.epoch === top?.epoch) return cursor.offset
    const { continuity, holds } = await this.#options.streams.read(key.channel, { after: cursor, limit: 0 })
    return continuity === 'reset' ? (holds ?? 0) : cursor.offset
  }
}

/** Nothing is signalled to devices. */
function refuse(): boolean {
  return false
}

export function cursorKeyOf({ userId, deviceId }: Connection, channel: ChannelId): CursorKey {
  return { userId: userId ?? '', deviceId, channel }
}
