import { randomUUID } from 'node:crypto'
import type { Database, RootDatabase } from 'lmdb'
import type { ChannelId } from '../streams.js'
import type { NewReceipt, Receipt } from './ledger.js'

/** Receipts are filed by the minute in which they end, so that those that ended lie together. */
const bucketMs = 60_000
/** Receipts that are dropped between two batches of publishes, about. */
const DROPPED_MAX = 1000

type StoredReceipt = [epoch: string, offset: number, timestamp: number, expiresAt: number]
/** The minute, and a name of its own. */
type ListKey = [number, string]

/** Receipts of all channels. Writes belong into a batch of the database. */
export class LmdbReceipts {
  /** Under channel and message id. */
  readonly #receipts: Database<StoredReceipt, Buffer>
  /** The keys of the receipts that were written together, by the minute of their end: what the sweeper walks. */
  readonly #lists: Database<Buffer[], ListKey>

  constructor(root: RootDatabase) {
    // Ready-made keys: they are written and looked up once a message.
    this.#receipts = root.openDB({ name: 'receipts', keyEncoding: 'binary' })
    this.#lists = root.openDB({ name: 'receipt-lists' })
  }

  get(channel: ChannelId, messageId: string, now: number): Receipt | undefined {
    const stored = this.#receipts.get(keyOf(channel, messageId))
    if (stored === undefined) return undefined
    const [epoch, offset, timestamp, expiresAt] = stored
    return expiresAt > now ? { epoch, offset, timestamp } : undefined
  }

  put(receipts: readonly NewReceipt[]): void {
    const lists = new Map<number, Buffer[]>()
    for (const { channel, messageId, receipt, expiresAt } of receipts) {
      const key = keyOf(channel, messageId)
      this.#receipts.put(key, [receipt.epoch, receipt.offset, receipt.timestamp, expiresAt])
      const minute = minuteOf(expiresAt)
      const list = lists.get(minute)
      if (list === undefined) lists.set(minute, [key])
      else list.push(key)
    }
    for (const [minute, list] of lists) this.#lists.put([minute, randomUUID()], list)
  }

  /** Whether `dropEnded` would drop anything. */
  hasEnded(now: number): boolean {
    return this.#endedLists(now, 1).length > 0
  }

  /** Drops some of those that have ended. True where there are more. */
  dropEnded(now: number): boolean {
    let dropped = 0
    const isEnded = (key: Buffer) => (this.#receipts.get(key)?.[3] ?? 0) <= now
    for (const list of this.#endedLists(now, DROPPED_MAX)) {
      if (dropped >= DROPPED_MAX) break
      const keys = this.#lists.get(list) ?? []
      // An id may have been published anew since.
      for (const key of keys.filter(isEnded)) this.#receipts.remove(key)
      this.#lists.remove(list)
      dropped += keys.length
    }
    return dropped >= DROPPED_MAX
  }

  #endedLists(now: number, limit: number): ListKey[] {
    return [...this.#lists.getKeys({ end: [minuteOf(now)] as never, limit })]
  }
}

/** Neither has a line feed in it: ids hold no control characters. */
function keyOf(channel: ChannelId, messageId: string): Buffer {
  return Buffer.from(`${channel}\n${messageId}`)
}

function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / bucketMs)
}
