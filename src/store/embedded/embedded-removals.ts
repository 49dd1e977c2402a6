import type { Clock } from '../../clock.js'
import { answered } from '../answered.js'
import type { NewestRemovals, Removals } from '../removals.js'
import type { EmbeddedRecords, RecordKey } from './embedded-records.js'

interface StoredRemoval {
  readonly id: string
  readonly at: number
}

const TABLE = 'removal'

/** Removals of one process. */
export class EmbeddedRemovals implements Removals {
  readonly #records: EmbeddedRecords
  readonly #clock: Clock
  readonly #ttlMs: number

  constructor(records: EmbeddedRecords, clock: Clock, ttlMs: number) {
    this.#records = records
    this.#clock = clock
    this.#ttlMs = ttlMs
  }

  async record(removalId: string, userId: string, room?: string): Promise<void> {
    await answered(this.#records.put(keyOf(userId, room), { id: removalId, at: this.#clock.now() }))
  }

  async newest(userId: string, rooms: readonly string[]): Promise<NewestRemovals> {
    return { user: this.#idOf(keyOf(userId)), rooms: rooms.map((room) => this.#idOf(keyOf(userId, room))) }
  }

  /** Forgets what no session can have been there for. */
  async sweep(): Promise<void> {
    await this.#records.sweep<StoredRemoval>(TABLE, (removal) => this.#isOver(removal))
  }

  #idOf(key: RecordKey): string | undefined {
    const removal = this.#records.get<StoredRemoval>(key)
    return removal === undefined || this.#isOver(removal) ? undefined : removal.id
  }

  #isOver({ at }: StoredRemoval): boolean {
    return this.#clock.now() - at >= this.#ttlMs
  }
}

function keyOf(userId: string, room?: string): RecordKey {
  return room === undefined ? [TABLE, userId] : [TABLE, userId, room]
}
