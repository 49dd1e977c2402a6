interface Event {
  readonly at: number
  /** Keeps the order of those that are due together. */
  readonly serial: number
  task: (() => void) | undefined
}

/** Turns of the real event loop in which what an event set off comes to rest: whatever has no turn yet goes on with the next. */
const TURNS = 2

/**
 * Time of a whole simulated world, in milliseconds. Nothing happens by itself: `run` takes one event after the other, in
 * the order in which they are due, and lets the code that they wake come to rest before the next one.
 */
export class SimulatedTime {
  readonly #heap: Event[] = []
  #now = 0
  #serial = 0

  get now(): number {
    return this.#now
  }

  /** When the next event is due; infinity where there is none. */
  get nextAt(): number {
    this.#dropCancelled()
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  /** Runs `task` after a delay; the returned function takes it back. */
  after(delayMs: number, task: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(delayMs, 0), serial: this.#serial++, task }
    this.#push(event)
    return () => {
      event.task = undefined
    }
  }

  /** Runs everything that becomes due in this time, or until `isOver` says so; time stands at its end then. */
  async run(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const end = this.#now + ms
    while (!isOver()) {
      if (this.nextAt > end) {
        this.#now = end
        return
      }
      await this.step()
    }
  }

  /** Runs the next event and what it sets off. */
  async step(): Promise<void> {
    this.#dropCancelled()
    const event = this.#pop()
    if (event === undefined) return
    this.#now = event.at
    event.task?.()
    await atRest()
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]?.task === undefined) this.#pop()
  }

  #push(event: Event): void {
    const heap = this.#heap
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (isBefore(heap[parent] as Event, event)) break
      heap[index] = heap[parent] as Event
      index = parent
    }
    heap[index] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      if (isBefore(last, heap[child] as Event)) break
      heap[index] = heap[child] as Event
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.serial < other.serial)
}

/** Resolves when promises are settled and the turns that they asked for have been taken. */
export async function atRest(turns = TURNS): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}
