import type { Clock } from '../clock.js'

interface Waiting {
  readonly due: number
  readonly run: () => void
}

/** Tasks that all wait equally long, behind one timer. */
export class GraceQueue {
  readonly #clock: Clock
  readonly #delayMs: number
  #waiting: Waiting[] = []
  #timed = false

  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock
    this.#delayMs = delayMs
  }

  /** Runs a task when the delay is over; at once where there is none. */
  add(run: () => void): void {
    if (this.#delayMs === 0) {
      run()
      return
    }
    this.#waiting.push({ due: this.#clock.monotonic() + this.#delayMs, run })
    this.#setTimer()
  }

  #setTimer(): void {
    const first = this.#waiting[0]
    if (this.#timed || first === undefined) return
    this.#timed = true
    this.#clock.after(Math.max(first.due - this.#clock.monotonic(), 1), () => {
      this.#timed = false
      this.#runDue()
    })
  }

  #runDue(): void {
    const now = this.#clock.monotonic()
    const waits = this.#waiting.findIndex(({ due }) => due > now)
    const due = this.#waiting.splice(0, waits === -1 ? this.#waiting.length : waits)
    for (const { run } of due) run()
    this.#setTimer()
  }
}
