/** Work that is put off to the end of the turn. Returns true where more of it is left for the next one. */
export interface TurnWork {
  endTurn(): boolean
}

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
    const fanOuts = this.#fanOuts
    this.#fanOuts = new Set()
    for (const work of fanOuts) if (work.endTurn()) this.#fanOuts.add(work)
    const writes = this.#writes
    this.#writes = new Set()
    for (const work of writes) work.endTurn()
    this.#scheduled = false
    if (this.#fanOuts.size > 0 || this.#writes.size > 0) this.#schedule()
  }
}
