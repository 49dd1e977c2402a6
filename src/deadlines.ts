import type { Clock } from './clock.js'
import { storeUnavailable } from './errors.js'

interface Wait {
  /** Monotonic, in milliseconds. */
  due: number
  readonly onOver: () => void
}

/** Later than this is no timer by itself: the process was held up, and heard nothing meanwhile. */
const HELD_UP_MS = 500

/** Waits of one length: they are over in the order in which they began, so one timer serves them all. */
export class Deadlines {
  readonly #clock: Clock
  readonly #lengthMs: number
  /** In the order in which they began. */
  readonly #waits = new Set<Wait>()
  #timed = false

  constructor(clock: Clock, lengthMs: number) {
    this.#clock = clock
    this.#lengthMs = lengthMs
  }

  /** How many wait. */
  get size(): number {
    return this.#waits.size
  }

  /**
   * Runs `onOver` when the time is over, unless the returned function is called first. `onOver` must not throw. The time
   * in which the process was held up does not count: what came meanwhile is heard first.
   */
  begin(onOver: () => void): () => void {
    const wait = { due: this.#clock.monotonic() + this.#lengthMs, onOver }
    this.#waits.add(wait)
    if (!this.#timed) this.#setTimer(this.#lengthMs)
    return () => this.#waits.delete(wait)
  }

  /** What `reply` gives; rejects with `store_unavailable` where that takes longer: the outcome is unknown then. */
  bound<T>(reply: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = this.begin(() => reject(storeUnavailable(new Error('no answer in time'))))
      reply.then(resolve, reject).finally(end)
    })
  }

  /** For all that wait the time is over now. */
  endAll(): void {
    const waits = [...this.#waits]
    this.#waits.clear()
    for (const { onOver } of waits) onOver()
  }

  #setTimer(delayMs: number): void {
    this.#timed = true
    // One turn later: what came in is heard first.
    this.#clock.after(delayMs, () => setImmediate(() => this.#onTimer()))
  }

  #onTimer(): void {
    this.#timed = false
    const now = this.#clock.monotonic()
    this.#forgive(now)
    for (const wait of this.#waits) {
      if (wait.due > now) {
        this.#setTimer(wait.due - now)
        return
      }
      this.#waits.delete(wait)
      wait.onOver()
    }
  }

  #forgive(now: number): void {
    const [first] = this.#waits
    if (first === undefined || now - first.due < HELD_UP_MS) return
    for (const wait of this.#waits) wait.due = now + this.#lengthMs
  }
}
