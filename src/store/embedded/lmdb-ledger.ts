import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { type Database, open, type RootDatabase } from 'lmdb'
import { decodeMessage, encodeMessage } from '../record.js'
import { type ChannelId, PAGE_BYTES_MAX, type StoredMessage } from '../streams.js'
import { commitBatch } from './commit-batch.js'
import type { ChannelMeta, Ledger, LedgerBatch, Receipt } from './ledger.js'
import { LmdbRecordBacking } from './lmdb-record-backing.js'

/** Receipts are filed by the minute in which they end, so that those that ended lie together. */
const bucketMs = 60_000
const KEYS_PAGE = 256
/** Receipts that are dropped between two batches of publishes. */
const RECEIPTS_PAGE = 1000
const MAGIC = 0xbeefc0de
const MAGIC_AT = 24
/** Two meta pages. */
const FILE_BYTES_MIN = 8192

type StoredReceipt = [epoch: string, offset: number, timestamp: number, expiresAt: number]

/** Keeps everything in one LMDB file of the folder. A commit is flushed before it is seen or resolved. */
export class LmdbLedger implements Ledger {
  readonly durable = 'disk'
  readonly records: LmdbRecordBacking
  readonly #root: RootDatabase
  readonly #metas: Database<ChannelMeta, string>
  readonly #messages: Database<Buffer, [ChannelId, number]>
  readonly #receipts: Database<StoredReceipt, [ChannelId, string]>
  /** The same receipts by the minute of their end: what the sweeper walks. */
  readonly #receiptEnds: Database<boolean, [number, ChannelId, string]>

  /** Opens or creates the file. Throws what LMDB throws where it cannot. */
  constructor(path: string) {
    checkFile(path)
    // Without overlapping sync a transaction becomes visible only once it is on the disk.
    this.#root = open({ path, overlappingSync: false, maxDbs: 16 })
    this.records = new LmdbRecordBacking(this.#root)
    this.#metas = this.#root.openDB({ name: 'metas' })
    this.#messages = this.#root.openDB({ name: 'messages', encoding: 'binary' })
    this.#receipts = this.#root.openDB({ name: 'receipts' })
    this.#receiptEnds = this.#root.openDB({ name: 'receipt-ends' })
  }

  meta(channel: ChannelId): ChannelMeta | undefined {
    return this.#metas.get(channel)
  }

  read(
    channel: ChannelId,
    { from, to, limit, newestFirst = false }: { from: number; to: number; limit: number; newestFirst?: boolean }
  ): StoredMessage[] {
    if (from > to || limit <= 0) return []
    const range = newestFirst
      ? { start: [channel, to] as [ChannelId, number], end: [channel, from - 1] as [ChannelId, number], reverse: true }
      : { start: [channel, from] as [ChannelId, number], end: [channel, to + 1] as [ChannelId, number] }
    const messages: StoredMessage[] = []
    let bytes = 0
    for (const { value } of this.#messages.getRange({ ...range, limit })) {
      bytes += value.length
      if (messages.length > 0 && bytes > PAGE_BYTES_MAX) break
      const message = decodeMessage(value)
      if (message !== undefined) messages.push(message)
    }
    return messages
  }

  receipt(channel: ChannelId, messageId: string, now: number): Receipt | undefined {
    const stored = this.#receipts.get([channel, messageId])
    if (stored === undefined) return undefined
    const [epoch, offset, timestamp, expiresAt] = stored
    return expiresAt > now ? { epoch, offset, timestamp } : undefined
  }

  async commit(batch: LedgerBatch): Promise<void> {
    await commitBatch(this.#root, () => {
      for (const [channel, meta] of batch.metas) this.#metas.put(channel, meta)
      for (const { channel, message } of batch.messages) {
        this.#messages.put([channel, message.offset], encodeMessage(message))
      }
      for (const { channel, messageId, receipt, expiresAt } of batch.receipts) {
        this.#receipts.put([channel, messageId], [receipt.epoch, receipt.offset, receipt.timestamp, expiresAt])
        this.#receiptEnds.put([bucketOf(expiresAt), channel, messageId], true)
      }
      for (const { channel, from, to } of batch.trims) {
        for (let offset = from; offset <= to; offset++) this.#messages.remove([channel, offset])
      }
      for (const channel of batch.forgotten ?? []) this.#metas.remove(channel)
    })
  }

  *channels(): Iterable<ChannelId> {
    // Page by page: a cursor that stays open skips keys where others are removed, and keeps LMDB from reusing space.
    let page = [...this.#metas.getKeys({ limit: KEYS_PAGE })]
    while (page.length > 0) {
      yield* page
      const start = page.at(-1) as ChannelId
      page = [...this.#metas.getKeys({ start, exclusiveStart: true, limit: KEYS_PAGE })]
    }
  }

  async sweepReceipts(now: number): Promise<boolean> {
    const ended = [...this.#receiptEnds.getKeys({ end: [bucketOf(now)] as never, limit: RECEIPTS_PAGE })]
    if (ended.length === 0) return false
    await commitBatch(this.#root, () => {
      for (const key of ended) {
        const [, channel, messageId] = key
        // The id may have been published anew since.
        if ((this.#receipts.get([channel, messageId])?.[3] ?? 0) <= now) this.#receipts.remove([channel, messageId])
        this.#receiptEnds.remove(key)
      }
    })
    return ended.length === RECEIPTS_PAGE
  }

  async close(): Promise<void> {
    await this.#root.close()
  }
}

/** LMDB ends the process on a file that is none of its own (lmdb.h: the magic number of a meta page). Throws. */
function checkFile(path: string): void {
  if (!existsSync(path)) return
  const descriptor = openSync(path, 'r')
  try {
    const head = Buffer.alloc(MAGIC_AT + 4)
    const bytes = readSync(descriptor, head, 0, head.length, 0)
    const { size } = fstatSync(descriptor)
    if (size === 0) return
    const known = size >= FILE_BYTES_MIN && bytes === head.length && head.readUInt32LE(MAGIC_AT) === MAGIC
    if (!known) throw new Error(`${path} is not a database of this server`)
  } finally {
    closeSync(descriptor)
  }
}

function bucketOf(timeMs: number): number {
  return Math.floor(timeMs / bucketMs)
}
