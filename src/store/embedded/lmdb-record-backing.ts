import type { Database, RootDatabase } from 'lmdb'
import { commitBatch } from './commit-batch.js'
import type { RecordBacking, RecordKey, StoredRecord } from './embedded-records.js'

const KEYS_PAGE = 256

/** Records in a table of the LMDB file. */
export class LmdbRecordBacking implements RecordBacking {
  readonly #root: RootDatabase
  readonly #records: Database<unknown, string[]>

  constructor(root: RootDatabase) {
    this.#root = root
    // The encoding that lmdb has by default renames `__proto__`, which is a name of a room like any other.
    this.#records = root.openDB({ name: 'records', encoding: 'json' })
  }

  get(key: RecordKey): unknown {
    return this.#records.get([...key])
  }

  *entries(prefix: RecordKey): Iterable<StoredRecord> {
    for (const { key, value } of this.#records.getRange({ start: [...prefix] })) {
      if (!prefix.every((id, index) => key[index] === id)) return
      yield { key: key as unknown as RecordKey, value }
    }
  }

  *keys(table: string): Iterable<RecordKey> {
    let start: string[] = [table]
    for (;;) {
      // Page by page: a cursor that stays open skips keys where others are removed.
      const page = [...this.#records.getKeys({ start, exclusiveStart: true, limit: KEYS_PAGE })]
      for (const key of page) {
        if (key[0] !== table) return
        yield key as unknown as RecordKey
      }
      if (page.length < KEYS_PAGE) return
      start = page.at(-1) as string[]
    }
  }

  async write(changes: readonly StoredRecord[]): Promise<void> {
    await commitBatch(this.#root, () => {
      for (const { key, value } of changes) {
        if (value === undefined) this.#records.remove([...key])
        else this.#records.put([...key], value)
      }
    })
  }
}
