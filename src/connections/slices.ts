/** Done in a turn of the event loop. */
const SLICE = 32

/**
 * Work that may come for thousands of connections in one turn, such as that of a herd that is cut: some of it is done at
 * once and the rest in the next turns, in the order in which it came, so that others have their turns in between.
 */
export class Slices<T> {
  readonly #work: (item: T) => void
  readonly #waiting = new Set<T>()
  /** In this turn. */
  #done = 0
  #scheduled = false

  /** `work` must not throw. */
  constructor(work: (item: T) => void) {
    this.#work = work
  }

  add(item: T): void {
    this.#waiting.add(item)
    this.#doSome()
  }

  #doSome(): void {
    for (const item of this.#waiting) {
      if (this.#done >= SLICE) break
      this.#waiting.delete(item)
      this.#done++
      this.#work(item)
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#onTurn())
  }

  #onTurn(): void {
    this.#scheduled = false
    this.#done = 0
    if (this.#waiting.size > 0) this.#doSome()
  }
}
