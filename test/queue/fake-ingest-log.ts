import type { DeadLetter, IngestEntry, IngestLog, IngestPage } from '../../src/store/ingest-log.js'

/** A log in memory, with one lease that a test may give to somebody else. */
export class FakeIngestLog implements IngestLog {
  readonly dead: DeadLetter[] = []
  /** Another node has the lease. */
  taken = false
  /** Every question is refused. */
  away: Error | undefined
  reads = 0
  released = false
  #entries: IngestEntry[] = []
  readonly #pending = new Set<string>()
  #nextId = 0
  #onAdd: Array<() => void> = []

  add(message: object): string {
    const id = `${++this.#nextId}-0`
    this.#entries.push({ id, message: Buffer.from(JSON.stringify(message)), gone: false })
    for (const wake of this.#onAdd.splice(0)) wake()
    return id
  }

  get left(): string[] {
    return this.#entries.map(({ id }) => id)
  }

  async take(): Promise<boolean> {
    this.#check()
    return !this.taken
  }

  async renew(): Promise<number | undefined> {
    this.#check()
    return this.taken ? undefined : this.#entries.length
  }

  async release(): Promise<void> {
    this.released = true
  }

  async read(after: string, limit: number): Promise<IngestPage | undefined> {
    this.#check()
    this.reads++
    if (this.taken) return undefined
    const isWanted = ({ id }: IngestEntry) =>
      after === 'new'
        ? !this.#pending.has(id)
        : this.#pending.has(id) && Number.parseInt(id, 10) > Number.parseInt(after, 10)
    const entries = this.#entries.filter(isWanted).slice(0, limit)
    for (const { id } of entries) this.#pending.add(id)
    return { entries, end: '' }
  }

  async wait(): Promise<void> {
    await new Promise<void>((resolve) => this.#onAdd.push(resolve))
  }

  /** Ends what waits. */
  wake(): void {
    for (const wake of this.#onAdd.splice(0)) wake()
  }

  async settle(id: string): Promise<void> {
    this.#check()
    this.#entries = this.#entries.filter((entry) => entry.id !== id)
    this.#pending.delete(id)
  }

  async bury(letter: DeadLetter): Promise<void> {
    await this.settle(letter.entry.id)
    this.dead.push(letter)
  }

  #check(): void {
    if (this.away !== undefined) throw this.away
  }
}
