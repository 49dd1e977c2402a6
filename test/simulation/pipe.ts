import type { SimulatedTime } from './simulated-time.js'

export interface PipeOptions<T> {
  readonly time: SimulatedTime
  /** How long the next thing is on its way. */
  readonly latencyMs: () => number
  readonly deliver: (thing: T) => void
}

/**
 * One direction of a TCP connection: what goes in comes out later and in order, or never. What would overtake what went
 * before comes together with it.
 */
export class Pipe<T> {
  readonly #options: PipeOptions<T>
  #lastAt = 0
  /** What arrives at `#lastAt`. */
  #last: T[] = []
  #held = false
  #cut = false
  #backlog: T[] = []

  constructor(options: PipeOptions<T>) {
    this.#options = options
  }

  send(thing: T): void {
    if (this.#cut) return
    const { time, latencyMs } = this.#options
    const at = time.now + latencyMs()
    // What arrives just now may have arrived already.
    if (at <= this.#lastAt && this.#lastAt > time.now) {
      this.#last.push(thing)
      return
    }
    const batch = [thing]
    this.#lastAt = at
    this.#last = batch
    time.after(at - time.now, () => {
      for (const one of batch) this.#arrive(one)
    })
  }

  /** Lets nothing out until `release`: a partition, or an end that does not read. What comes waits. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    const backlog = this.#backlog
    this.#backlog = []
    for (const thing of backlog) this.#arrive(thing)
  }

  /** Whatever is on its way is lost. */
  cut(): void {
    this.#cut = true
    this.#backlog = []
  }

  #arrive(thing: T): void {
    if (this.#cut) return
    if (this.#held) this.#backlog.push(thing)
    else this.#options.deliver(thing)
  }
}
