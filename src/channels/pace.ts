import type { Clock } from '../clock.js'

/**
 * Runs a task whenever it is asked to, but never twice within a time: at once where it has rested for so long, else when
 * the time is over, once for all that asked meanwhile. What is alone waits for nobody.
 */
export class Pace {
  readonly #clock: Clock
  readonly #restMs: number
  readonly #run: () => void
  /** By the monotonic clock. */
  #nextAt = Number.NEGATIVE_INFINITY
  #waiting = false

  /** With `restMs` 0 it runs at each call. */
  constructor(clock: Clock, restMs: number, run: () => void) {
    this.#clock = clock
    this.#restMs = restMs
    this.#run = run
  }

  ask(): void {
    if (this.#restMs === 0) this.#run()
    else if (!this.#waiting) this.#runOrWait()
  }

  #runOrWait(): void {
    const waitMs = this.#nextAt - this.#clock.monotonic()
    if (waitMs <= 0) {
      this.#runNow()
      return
    }
    this.#waiting = true
    this.#clock.after(waitMs, () => {
      this.#waiting = false
      this.#runNow()
    })
  }

  #runNow(): void {
    this.#nextAt = this.#clock.monotonic() + this.#restMs
    this.#run()
  }
}
