import type { Clock } from '../../src/clock.js'
import type { SimulatedTime } from './simulated-time.js'

/** When every simulated world begins, in milliseconds since 1970. */
export const BEGINNING = Date.UTC(2026, 0, 1)

/** One machine's view of the time: it ends with the process, stands still with it, and its wall clock may be wrong. */
export class NodeClock implements Clock {
  readonly #time: SimulatedTime
  readonly #beginning: number
  /** How far the wall clock is ahead. */
  #aheadMs = 0
  #ended = false
  #paused = false
  /** What became due while it was paused. */
  #late = new Set<() => void>()

  constructor(time: SimulatedTime, beginning = BEGINNING) {
    this.#time = time
    this.#beginning = beginning
  }

  readonly now = (): number => this.#beginning + Math.floor(this.#time.now) + this.#aheadMs
  readonly monotonic = (): number => this.#time.now

  every(periodMs: number, task: () => void): () => void {
    let cancel = () => {}
    const next = () => {
      cancel = this.#time.after(periodMs, () => {
        if (this.#ended) return
        next()
        this.#runOrKeep(task)
      })
    }
    next()
    return () => {
      cancel()
      this.#late.delete(task)
    }
  }

  after(delayMs: number, task: () => void): () => void {
    const cancel = this.#time.after(delayMs, () => this.#runOrKeep(task))
    return () => {
      cancel()
      this.#late.delete(task)
    }
  }

  /** The process is gone: nothing of it happens any more. */
  end(): void {
    this.#ended = true
    this.#late.clear()
  }

  pause(): void {
    this.#paused = true
  }

  /** Whatever became due in the meantime runs once, and late. */
  resume(): void {
    this.#paused = false
    const late = this.#late
    this.#late = new Set()
    for (const task of late) task()
  }

  /** Sets the wall clock forward or back, as an administrator does. */
  jump(ms: number): void {
    this.#aheadMs += ms
  }

  #runOrKeep(task: () => void): void {
    if (this.#ended) return
    if (this.#paused) this.#late.add(task)
    else task()
  }
}
