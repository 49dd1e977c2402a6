import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { type Database, open, type RootDatabase } from 'lmdb'
import type { ChannelId, StoredMessage } from '../streams.js'
import { commitBatch } from './commit-batch.js'
import type { ChannelMeta, Ledger, LedgerBatch, LedgerRange, Receipt } from './ledger.js'
import { LmdbMessages } from './lmdb-messages.js'
import { LmdbReceipts } from './lmdb-receipts.js'
import { LmdbRecordBacking } from './lmdb-record-backing.js'

const KEYS_PAGE = 256
/** Goes up with each change of what lies in the tables. */
const FORMAT = 2
const MAGIC = 0xbeefc0de
const MAGIC_AT = 24
/** Two meta pages. */
const FILE_BYTES_MIN = 8192

/** Keeps everything in one LMDB file of the folder. A commit is flushed before it is seen or resolved. */
export class LmdbLedger implements Ledger {
  readonly durable = 'disk'
  readonly records: LmdbRecordBacking
  readonly #root: RootDatabase
  readonly #metas: Database<ChannelMeta, string>
  readonly #messages: LmdbMessages
  readonly #receipts: LmdbReceipts

  /** Opens or creates the file. Throws what LMDB throws where it cannot. */
  constructor(path: string) {
    checkFile(path)
    // Without overlapping sync a transaction becomes visible only once it is on the disk.
    this.#root = open({ path, overlappingSync: false, maxDbs: 16 })
    this.records = new LmdbRecordBacking(this.#root)
    this.#metas = this.#root.openDB({ name: 'metas' })
    this.#checkFormat(path)
    this.#messages = new LmdbMessages(this.#root)
    this.#receipts = new LmdbReceipts(this.#root)
  }

  meta(channel: ChannelId): ChannelMeta | undefined {
    return this.#metas.get(channel)
  }

  read(channel: ChannelId, range: LedgerRange): StoredMessage[] {
    return this.#messages.read(channel, range)
  }

  receipt(channel: ChannelId, messageId: string, now: number): Receipt | undefined {
    return this.#receipts.get(channel, messageId, now)
  }

  async commit({ metas = [], messages = [], receipts = [], trims = [], forgotten = [] }: LedgerBatch): Promise<void> {
    await commitBatch(this.#root, () => {
      for (const [channel, meta] of metas) this.#metas.put(channel, meta)
      for (const [channel, run] of messages) this.#messages.put(channel, run)
      this.#receipts.put(receipts)
      for (const [channel, to] of trims) this.#messages.trim(channel, to)
      for (const channel of forgotten) this.#metas.remove(channel)
    })
  }

  /** Throws for a file in which this version would not find what is there. */
  #checkFormat(path: string): void {
    const about = this.#root.openDB<number, string>({ name: 'about' })
    const format = about.get('format')
    if (format === FORMAT) return
    const isNew = format === undefined && this.#metas.getKeysCount({ limit: 1 }) === 0
    if (!isNew) throw new Error(`${path} was written by an earlier version`)
    about.putSync('format', FORMAT)
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
    if (!this.#receipts.hasEnded(now)) return false
    let more = false
    await commitBatch(this.#root, () => {
      more = this.#receipts.dropEnded(now)
    })
    return more
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
