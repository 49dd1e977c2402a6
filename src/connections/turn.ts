/** Work that is put off to the end of the turn. */
export interface TurnWork {
  /** Does a part of it. Returns true where more is left. */
  endTurn(): boolean
}

/** Parts of one work that are done in one turn; beyond that the others have their turn first. */
const PARTS_MAX = 20

/**
 * Gathers what one turn of the event loop brought, so that everything for a connection becomes one write. First the
 * channels hand their messages to the connections, then the connections write.
 */
export class Turn {
  #fanOuts = new Set<TurnWork>()
  #writes = new Set<TurnWork>()
  #scheduled = false

  fanOut(work: TurnWork): void {
    this.#fanOuts.add(work)
    this.#schedule()
  }

  write(work: TurnWork): void {
    this.#writes.add(work)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // After the sockets that have something to read: their messages belong to the same turn.
    setImmediate(() => this.#run())
  }

  #run(): void {
    const fanOuts = [...this.#fanOuts]
    const writes = this.#writes
    this.#fanOuts.clear()
    this.#writes = new Set()
    const alone = fanOuts.length === 1
    for (const work of fanOuts) if (this.#doParts(work, alone)) this.#fanOuts.add(work)
    for (const work of writes) work.endTurn()
    this.#write()
    this.#scheduled = false
    if (this.#fanOuts.size > 0 || this.#writes.size > 0) this.#schedule()
  }

  /** Where no other channel has anything for a connection, it need not wait until all others have their messages. */
  #doParts(work: TurnWork, alone: boolean): boolean {
    let more = true
    for (let part = 0; more && part < PARTS_MAX; part++) {
      more = work.endTurn()
      if (alone) this.#write()
    }
    return more
  }

  #write(): void {
    const writes = this.#writes
    this.#writes = new Set()
    for (const work of writes) work.endTurn()
  }
}
