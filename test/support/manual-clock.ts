import type { Clock } from '../../src/clock.js'

interface Timer {
  due: number
  readonly periodMs: number | undefined
  readonly task: () => void
}

/** A clock that stands still until a test moves it. Tasks run within `advance`, in the order in which they are due. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>()
  #wall: number
  #monotonic = 0

  // Arrow functions, so that they may be handed on without their clock.
  readonly now = (): number => this.#wall
  readonly monotonic = (): number => this.#monotonic

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#wall = now
  }

  every(periodMs: number, task: () => void): () => void {
    return this.#add({ due: this.#monotonic + periodMs, periodMs, task })
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#add({ due: this.#monotonic + delayMs, periodMs: undefined, task })
  }

  /** Lets this much time pass, and runs what becomes due on the way. */
  advance(ms: number): void {
    const end = this.#monotonic + ms
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#moveTo(Math.max(timer.due, this.#monotonic))
      if (timer.periodMs === undefined) this.#timers.delete(timer)
      else timer.due += timer.periodMs
      timer.task()
    }
    this.#moveTo(end)
  }

  /** Lets time pass as on a blocked event loop: whatever became due runs once, and late. */
  block(ms: number): void {
    this.#moveTo(this.#monotonic + ms)
    for (const timer of [...this.#timers].filter(({ due }) => due <= this.#monotonic)) {
      if (timer.periodMs === undefined) this.#timers.delete(timer)
      else timer.due = this.#monotonic + timer.periodMs
      timer.task()
    }
  }

  /** Sets the wall clock forward or back, as an administrator does; nothing becomes due by it. */
  jump(ms: number): void {
    this.#wall += ms
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.due <= end && (first === undefined || timer.due < first.due)) first = timer
    }
    return first
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic
    this.#monotonic = monotonic
  }
}
