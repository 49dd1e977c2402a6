import type { Clock } from '../../clock.js'
import { Deadlines } from '../../deadlines.js'

/** A record's key: a table and the ids in it. */
export type RecordKey = readonly [table: string, ...ids: string[]]

export interface StoredRecord {
  readonly key: RecordKey
  readonly value: unknown
}

/** Where records are kept. Reads see what a `write` has resolved for. */
export interface RecordBacking {
  get(key: RecordKey): unknown
  /** Every record whose key begins so, in the order of the keys. */
  entries(prefix: RecordKey): Iterable<StoredRecord>
  /** Keys of a table, which may be walked slowly while others change. */
  keys(table: string): Iterable<RecordKey>
  /** All of it or nothing; `undefined` as a value removes. Flushed when it resolves. */
  write(changes: readonly StoredRecord[]): Promise<void>
}

/** Nothing of a disk that hangs is waited for any longer: clients are promised an answer (protocol.md 2.8). */
const WRITE_MS = 2500
/**
 * Turns of the event loop in which changes gather where one flush follows on another: the busier the process is, the
 * longer a turn, and the more of them share a flush.
 */
const GATHER_TURNS = 8
/** Records that a sweep looks at in one turn of the event loop. */
const SWEEP_SLICE = 256

interface Pending {
  readonly record: StoredRecord
}

/**
 * Small records of the embedded store. A change is seen by reads at once and safe when its promise resolves; the
 * changes of one turn, and those that come while others are being flushed, share one flush.
 */
export class EmbeddedRecords {
  readonly #backing: RecordBacking
  readonly #deadlines: Deadlines
  /** Changes that are not safe yet, by the text of their key. */
  #pending = new Map<string, Pending>()
  #flushing: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(backing: RecordBacking, clock: Clock) {
    this.#backing = backing
    this.#deadlines = new Deadlines(clock, WRITE_MS)
  }

  get<T>(key: RecordKey): T | undefined {
    const pending = this.#pending.get(textOf(key))
    return (pending === undefined ? this.#backing.get(key) : pending.record.value) as T | undefined
  }

  entries<T>(prefix: RecordKey): Array<{ key: RecordKey; value: T }> {
    const found = new Map([...this.#backing.entries(prefix)].map((record) => [textOf(record.key), record]))
    for (const [text, { record }] of this.#pending) {
      if (prefix.every((id, index) => record.key[index] === id)) found.set(text, record)
    }
    return [...found.values()].filter(({ value }) => value !== undefined) as Array<{ key: RecordKey; value: T }>
  }

  /** Changes one record; `undefined` removes it. Rejects in time: the outcome is unknown then. */
  put(key: RecordKey, value: unknown): Promise<void> {
    this.#pending.set(textOf(key), { record: { key, value } })
    this.#next ??= this.#flushNext()
    return this.#deadlines.bound(this.#next)
  }

  /** Removes what of a table has ended, in small steps: others go on in between. */
  async sweep<T>(table: string, hasEnded: (value: T) => boolean): Promise<void> {
    let seen = 0
    for (const key of this.#backing.keys(table)) {
      if (++seen % SWEEP_SLICE === 0) await new Promise((resolve) => setImmediate(resolve))
      const value = this.get<T>(key)
      // Not waited for: what fails to go now goes with the next sweep.
      if (value !== undefined && hasEnded(value)) this.put(key, undefined).catch(() => {})
    }
    await this.idle()
  }

  /** Resolves when everything is safe. */
  async idle(): Promise<void> {
    while (this.#next !== undefined || this.#flushing !== undefined) await (this.#next ?? this.#flushing)
  }

  async #flushNext(): Promise<void> {
    const turns = this.#flushing === undefined ? 1 : GATHER_TURNS
    await (this.#flushing ?? Promise.resolve()).catch(() => {})
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    this.#next = undefined
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined
    })
    await this.#flushing
  }

  async #flush(): Promise<void> {
    const flushed = new Map(this.#pending)
    try {
      await this.#backing.write([...flushed.values()].map(({ record }) => record))
    } finally {
      // Where it failed the callers were told so: nobody must see what is not kept.
      for (const [text, pending] of flushed) if (this.#pending.get(text) === pending) this.#pending.delete(text)
    }
  }
}

function textOf(key: RecordKey): string {
  // Ids hold no control characters.
  return key.join('\n')
}

/** Records in the process: nothing outlives it. */
export class MemoryRecordBacking implements RecordBacking {
  /** By table, by first id, by the whole key: nothing is found by looking at all. */
  readonly #tables = new Map<string, Map<string, Map<string, StoredRecord>>>()

  get(key: RecordKey): unknown {
    return this.#tables
      .get(key[0])
      ?.get(key[1] ?? '')
      ?.get(textOf(key))?.value
  }

  *entries(prefix: RecordKey): Iterable<StoredRecord> {
    const [table, id, ...ids] = prefix
    const groups = this.#tables.get(table)
    const wanted = id === undefined ? groups?.values() : [groups?.get(id) ?? new Map<string, StoredRecord>()]
    for (const group of wanted ?? []) {
      for (const record of group.values()) {
        if (ids.every((rest, index) => record.key[index + 2] === rest)) yield record
      }
    }
  }

  *keys(table: string): Iterable<RecordKey> {
    for (const group of this.#tables.get(table)?.values() ?? []) for (const { key } of group.values()) yield key
  }

  async write(changes: readonly StoredRecord[]): Promise<void> {
    for (const record of changes) {
      if (record.value === undefined) this.#remove(record.key)
      else this.#groupOf(record.key).set(textOf(record.key), record)
    }
  }

  #groupOf([table, id = '']: RecordKey): Map<string, StoredRecord> {
    const groups = this.#tables.get(table) ?? new Map<string, Map<string, StoredRecord>>()
    const group = groups.get(id) ?? new Map<string, StoredRecord>()
    this.#tables.set(table, groups.set(id, group))
    return group
  }

  #remove(key: RecordKey): void {
    const [table, id = ''] = key
    const group = this.#groupOf(key)
    group.delete(textOf(key))
    if (group.size === 0) this.#tables.get(table)?.delete(id)
  }
}
