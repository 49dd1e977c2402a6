import type { Durability, OffsetRange } from '../protocol/values.js'

/** `room:…`, `group:…`, `user:…`, `control:`, `broadcast:`. A store never looks inside. */
export type ChannelId = string

/**
 * A place in a channel. `offset` counts 1, 2, 3 … without a hole; 0 is before the first message.
 * `epoch` names one unbroken history. `messageId`, where given, has to be the message at `offset`.
 */
export interface Position {
  readonly epoch: string
  readonly offset: number
  readonly messageId?: string | undefined
}

/** A channel keeps the newest `size` messages, each for `ttlMs` milliseconds; what breaks either is gone. */
export interface Retention {
  readonly size: number
  readonly ttlMs: number
}

/** Epoch and top outlive the messages by a day (protocol.md, section 1). */
export const META_GRACE_MS = 86_400_000

/** Of a channel in which nothing is stored. */
export const NO_RETENTION: Retention = { size: 0, ttlMs: 0 }

/** One message as it is stored and as nodes pass it on. */
export interface StoredMessage {
  /** The epoch it was stored under; a later fork does not change it. */
  readonly epoch: string
  readonly offset: number
  readonly messageId: string
  /** Milliseconds since 1970, given by the publisher. */
  readonly timestamp: number
  /** One JSON object in UTF-8, without `epoch` and `offset`. */
  readonly encoded: Buffer
  /** Ids of connections that it is not sent to live. */
  readonly exclude: readonly string[]
}

export interface PublishOptions {
  readonly messageId: string
  readonly timestamp: number
  readonly retention: Retention
  /** How long `messageId` keeps a second publish away, in milliseconds. */
  readonly idempotencyMs: number
  readonly exclude?: readonly string[] | undefined
}

export interface Published {
  readonly position: Position
  /** The first publish's, where this one is a duplicate. */
  readonly timestamp: number
  readonly duplicate: boolean
  readonly durable: Durability
}

export interface SignalOptions {
  /** Ids of connections that it is not sent to. */
  readonly exclude?: readonly string[] | undefined
}

/** Where to begin: an offset alone is taken on trust, with an epoch it is checked. */
export interface After {
  readonly offset: number
  readonly epoch?: string | undefined
  readonly messageId?: string | undefined
}

/** At most one of `after` and `before`, both exclusive; with neither, the newest `limit`. `limit` 0 reads only the top; a page may end before its limit (`PAGE_BYTES_MAX`). */
export interface ReadQuery {
  readonly after?: After | undefined
  readonly before?: number | undefined
  readonly limit: number
}

/** A page ends before the message with which it would have more bytes, though it has one at least. */
export const PAGE_BYTES_MAX = 1_048_576

export interface Page {
  /** The newest position of the channel; undefined where nobody has used it. */
  readonly top: Position | undefined
  /** The oldest offset that is kept; one above the top where none is, 1 for an unknown channel. */
  readonly oldest: number
  /** Oldest first. */
  readonly messages: StoredMessage[]
  /** More retained ones lie beyond: newer than the page with `after`, older otherwise. */
  readonly hasMore: boolean
  /**
   * How the page follows on `after`. `contiguous`: nothing is missing. `gap`: the offsets in `gap` are gone.
   * `reset`: the position is void, and the page begins with the oldest message that is kept.
   */
  readonly continuity: 'contiguous' | 'gap' | 'reset'
  readonly gap?: OffsetRange
  /** With `reset`: the last offset that still holds, the fork or 0 for a lost stream. */
  readonly holds?: number
}

export interface SignalMessage {
  readonly encoded: Buffer
  readonly exclude: readonly string[]
}

/** What a store tells the node. Handlers must not throw. */
export interface StreamListener {
  /** Every message of a subscribed channel, in order of offset, at most once; holes are possible (see `tops`). */
  onMessage(channel: ChannelId, message: StoredMessage): void
  onSignal(channel: ChannelId, signal: SignalMessage): void
  /** Something came that no node has written; it was passed over. */
  onMalformed?(channel: ChannelId): void
}

/**
 * Ordered streams. Numbering, storing, de-duplicating and publishing one message are ONE atomic step.
 *
 * Every method rejects with `store_unavailable` where the store does not answer in time; the outcome of a `publish`
 * is then unknown, and its retry with the same `messageId` is safe.
 */
export interface Streams {
  /** Call once, before anything else. */
  start(listener: StreamListener): Promise<void>
  /**
   * Stores one message under the next offset and sends it to the subscribers of all nodes. Resolves when it is as
   * safe as `durable` says. Publishes of one node to one channel are stored in the order of the calls. A `messageId`
   * seen within `idempotencyMs` stores and sends nothing and answers the first one's place. The message may reach
   * `onMessage` before or after the promise resolves. Creates the epoch of a new channel.
   */
  publish(channel: ChannelId, encoded: Buffer, options: PublishOptions): Promise<Published>
  /** Sends to the subscribers of all nodes, at most once: not numbered, not stored. */
  signal(channel: ChannelId, encoded: Buffer, options?: SignalOptions): Promise<void>
  /** Reads what is retained, never creates anything. An unknown channel gives an empty page without a top. */
  read(channel: ChannelId, query: ReadQuery): Promise<Page>
  /** Drops the messages that a channel has by now; its epoch and top stay. Idempotent; nothing for an unknown channel. */
  purge(channel: ChannelId): Promise<void>
  /** The newest position of each channel, in the order asked; keeps their epochs alive and creates missing ones. */
  tops(channels: readonly ChannelId[]): Promise<Position[]>
  /**
   * Begins to hear the channels; idempotent. Resolves with their newest positions once the store has confirmed: every
   * later message reaches `onMessage`; messages up to the position may, too. Creates missing epochs.
   */
  subscribe(channels: readonly ChannelId[]): Promise<Position[]>
  /**
   * Hears again whatever a store that was away has forgotten of the subscriptions: what was published meanwhile is missed.
   * Idempotent.
   */
  resubscribe(): Promise<void>
  /** Stops hearing the channels; idempotent. */
  unsubscribe(channels: readonly ChannelId[]): Promise<void>
}
