import type { Clock } from '../clock.js'

const SECOND_MS = 1000

/** A moment for each of many items, to the second and by the wall clock, behind one timer. */
export class Alarms<T> {
  readonly #clock: Clock
  readonly #onDue: (item: T) => void
  /** By the second in which they are due. */
  readonly #due = new Map<number, Set<T>>()
  readonly #secondOf = new Map<T, number>()
  #stop: (() => void) | undefined
  /** Everything up to here was told. */
  #told: number

  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock
    this.#onDue = onDue
    this.#told = secondOf(clock.now())
  }

  /** Calls once when `timeMs`, in milliseconds since 1970, is reached: within a second of it. Replaces the item's alarm. */
  set(item: T, timeMs: number): void {
    this.delete(item)
    const second = Math.max(Math.ceil(timeMs / SECOND_MS), this.#told + 1)
    const items = this.#due.get(second) ?? new Set<T>()
    this.#due.set(second, items.add(item))
    this.#secondOf.set(item, second)
    this.#stop ??= this.#clock.every(SECOND_MS, () => this.#tick())
  }

  /** Idempotent. */
  delete(item: T): void {
    const second = this.#secondOf.get(item)
    if (second === undefined) return
    this.#secondOf.delete(item)
    const items = this.#due.get(second)
    items?.delete(item)
    if (items?.size === 0) this.#due.delete(second)
  }

  close(): void {
    this.#stop?.()
  }

  #tick(): void {
    const now = secondOf(this.#clock.now())
    const first = this.#told + 1
    // Before anything is told: what is set meanwhile is for later.
    this.#told = now
    for (const second of this.#secondsBetween(first, now)) {
      for (const item of this.#due.get(second) ?? []) {
        this.delete(item)
        this.#onDue(item)
      }
    }
  }

  /** As a rule one; the clock may have been set. */
  #secondsBetween(first: number, last: number): number[] {
    if (last - first > this.#due.size) return [...this.#due.keys()].filter((second) => second <= last)
    return Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => first + index)
  }
}

function secondOf(timeMs: number): number {
  return Math.floor(timeMs / SECOND_MS)
}
