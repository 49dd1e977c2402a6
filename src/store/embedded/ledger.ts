import type { Fork } from '../continuity.js'
import type { ChannelId, StoredMessage } from '../streams.js'
import type { RecordBacking } from './embedded-records.js'

/** What is kept of a channel besides its messages. */
export interface ChannelMeta {
  readonly epoch: string
  readonly top: number
  readonly forks: readonly Fork[]
  readonly size: number
  readonly ttlMs: number
  /** Messages below this offset are gone. */
  readonly oldest: number
  /** When the epoch may be forgotten, milliseconds since 1970. */
  readonly expiresAt: number
}

/** Where an earlier publish with the same message id went. */
export interface Receipt {
  readonly epoch: string
  readonly offset: number
  readonly timestamp: number
}

/** A receipt that is to be kept until `expiresAt`, milliseconds since 1970. */
export interface NewReceipt {
  readonly channel: ChannelId
  readonly messageId: string
  readonly receipt: Receipt
  readonly expiresAt: number
}

/** Changes that become true together or not at all. */
export interface LedgerBatch {
  readonly metas?: Iterable<readonly [ChannelId, ChannelMeta]>
  /** Messages that follow on those of their channel, in order and without a hole. */
  readonly messages?: Iterable<readonly [ChannelId, readonly StoredMessage[]]>
  readonly receipts?: readonly NewReceipt[]
  /** Messages that left their channel: all up to this offset, inclusive; none of this batch. */
  readonly trims?: Iterable<readonly [ChannelId, number]>
  /** Channels that are forgotten. Their messages have to be trimmed as well. */
  readonly forgotten?: readonly ChannelId[]
}

/** Offsets from `from` to `to`, both inclusive; at most `limit` of them, from the newest down with `newestFirst`. */
export interface LedgerRange {
  readonly from: number
  readonly to: number
  readonly limit: number
  readonly newestFirst?: boolean
}

/** Where the embedded store keeps things: on disk, or in memory. Reads see only what `commit` has resolved for. */
export interface Ledger {
  /** What a commit is worth. */
  readonly durable: 'disk' | 'memory'
  /** Where the store's other records are kept. */
  readonly records: RecordBacking
  meta(channel: ChannelId): ChannelMeta | undefined
  /** At most a page (`PAGE_BYTES_MAX`). Below what was trimmed some messages may still be found. */
  read(channel: ChannelId, range: LedgerRange): StoredMessage[]
  /** Undefined where none is known, or its time is over. */
  receipt(channel: ChannelId, messageId: string, now: number): Receipt | undefined
  /** Atomic and, on disk, flushed when it resolves. One at a time. Where it rejects, nothing of it was done. */
  commit(batch: LedgerBatch): Promise<void>
  /** Every channel once; may be walked slowly, while others change. */
  channels(): Iterable<ChannelId>
  /** Drops some receipts whose time is over; true where there are more. */
  sweepReceipts(now: number): Promise<boolean>
  close(): Promise<void>
}
