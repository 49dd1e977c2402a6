import type { Database, RootDatabase } from 'lmdb'
import type { RecordBacking, RecordKey, StoredRecord } from './embedded-records.js'

/** Records in a table of the LMDB file. */
export class LmdbRecordBacking implements RecordBacking {
  readonly #root: RootDatabase
  readonly #records: Database<unknown, string[]>

  constructor(root: RootDatabase) {
    this.#root = root
    this.#records = root.openDB({ name: 'records' })
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

  async write(changes: readonly StoredRecord[]): Promise<void> {
    await this.#root.batch(() => {
      for (const { key, value } of changes) {
        if (value === undefined) this.#records.remove([...key])
        else this.#records.put([...key], value)
      }
    })
    await this.#root.flushed
  }
}
