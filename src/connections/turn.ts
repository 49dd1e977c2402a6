import type { Clock } from '../clock.js'

/** Work that is put off to the end of the turn. Returns true where more of it is left for the next one. */
export interface TurnWork {
  endTurn(): boolean
}

/** A turn that handed out and wrote for less than this is none that others should wait for. */
const LONG_MS = 1
/** Of the time that the last one took. */
const REST_SHARE = 0.5
/** As long as it takes those who have just heard everything to answer and to have that stored. */
const REST_MS_MAX = 2

/**
 * Gathers what one turn of the event loop brought, so that everything for a connection becomes one write. First the
 * channels hand their messages to the connections, then the connections write. After a long one the channels rest for a
 * moment: what comes meanwhile goes out together, and costs each receiver one write instead of several. What comes after a
 * pause leaves at once.
 */
export class Turn {
  readonly #clock: Clock | undefined
  #fanOuts = new Set<TurnWork>()
  #writes = new Set<TurnWork>()
  #scheduled = false
  #restsUntil = Number.NEGATIVE_INFINITY
  #isWaiting = false

  /** Without a clock it never rests. */
  constructor(clock?: Clock) {
    this.#clock = clock
  }

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
    const begunAt = this.#clock?.monotonic() ?? 0
    const isResting = begunAt < this.#restsUntil
    const isDone = isResting || this.#handOut()
    this.#write()
    this.#scheduled = false
    if (!isResting && this.#clock !== undefined) this.#rest(this.#clock, begunAt, isDone)
    if (isResting) this.#wakeUp(this.#restsUntil - begunAt)
    else if (this.#fanOuts.size > 0) this.#schedule()
    if (this.#writes.size > 0) this.#schedule()
  }

  /** False where some have more to hand out. */
  #handOut(): boolean {
    const fanOuts = this.#fanOuts
    this.#fanOuts = new Set()
    for (const work of fanOuts) if (work.endTurn()) this.#fanOuts.add(work)
    return this.#fanOuts.size === 0
  }

  #write(): void {
    const writes = this.#writes
    this.#writes = new Set()
    for (const work of writes) work.endTurn()
  }

  /** Those that are not done have kept others waiting long enough. */
  #rest(clock: Clock, begunAt: number, isDone: boolean): void {
    const now = clock.monotonic()
    const tookMs = now - begunAt
    if (tookMs >= LONG_MS && isDone) this.#restsUntil = now + Math.min(tookMs * REST_SHARE, REST_MS_MAX)
  }

  #wakeUp(afterMs: number): void {
    if (this.#isWaiting || this.#fanOuts.size === 0) return
    this.#isWaiting = true
    this.#clock?.after(afterMs, () => {
      this.#isWaiting = false
      this.#schedule()
    })
  }
}
