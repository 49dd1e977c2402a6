/** How long a node may hand out entries after it took or renewed the lease, in milliseconds. */
export const INGEST_LEASE_MS = 5000

/** Letters that are kept of those that could not be handled; about so many. */
export const DEAD_LETTERS_MAX = 10_000

/** One thing that a backend wrote. */
export interface IngestEntry {
  /** Grows from entry to entry. */
  readonly id: string
  /** The field `message` in bytes; undefined where the entry has none. */
  readonly message: Buffer | undefined
  /** It was deleted by somebody while it was pending: there is nothing to handle, only to settle. */
  readonly gone: boolean
}

export interface IngestPage {
  /** In the order in which they were written. */
  readonly entries: readonly IngestEntry[]
  /** With no entries: where the log ends, for `wait`. */
  readonly end: string
}

export interface DeadLetter {
  readonly entry: IngestEntry
  /** Why it could not be handled, for people: `CODE: MESSAGE`. */
  readonly reason: string
}

/**
 * The log that backends write to instead of calling over HTTP, shared by all nodes. One node at a time reads it, the
 * one with the lease. An entry that was read is pending until `settle` or `bury`; whoever takes the lease finds it
 * again. Every method rejects with `store_unavailable` where the store does not answer in time.
 */
export interface IngestLog {
  /**
   * Takes the lease for `INGEST_LEASE_MS`, also where this node has it already: what `read` was asked before then
   * hands out nothing any more. False where another node has it.
   */
  take(): Promise<boolean>
  /** Begins `INGEST_LEASE_MS` anew. Answers how many entries the log has; undefined where the lease is lost. */
  renew(): Promise<number | undefined>
  /** Gives the lease back: another node may take it at once. Idempotent. */
  release(): Promise<void>
  /**
   * Up to `limit` entries: those that are pending and come after the id `after`, or those that nobody has read yet
   * (`'new'`), which are pending from then on. Undefined where the lease is lost: nothing was read. A log that is gone
   * is begun anew.
   */
  read(after: string, limit: number): Promise<IngestPage | undefined>
  /** Resolves when something came after `end`, and within a second in any case. */
  wait(end: string): Promise<void>
  /** The entry is handled: deletes it. Idempotent. */
  settle(id: string): Promise<void>
  /** Puts the entry among the dead letters and deletes it, in one step; only if it is pending, so once. */
  bury(letter: DeadLetter): Promise<void>
}
