/**
 * Work in lanes: the items of one lane one after the other, in the order in which they came, and up to `lanesMax` lanes
 * side by side. A lane gives way after each item, so that no busy one keeps others waiting.
 */
export class Lanes<T> {
  readonly #lanesMax: number
  readonly #work: (item: T) => Promise<void>
  /** Items that are not begun, by lane; a lane is here as long as it has any or one is under way. */
  readonly #queues = new Map<string, T[]>()
  /** Lanes with items, none of which is under way. */
  #ready: string[] = []
  #busy = 0
  #size = 0
  #onDone: Array<() => void> = []

  /** `work` must not reject. */
  constructor(lanesMax: number, work: (item: T) => Promise<void>) {
    this.#lanesMax = lanesMax
    this.#work = work
  }

  /** Items that wait or are under way. */
  get size(): number {
    return this.#size
  }

  push(lane: string, item: T): void {
    this.#size++
    const queue = this.#queues.get(lane)
    if (queue !== undefined) {
      queue.push(item)
      // Its turn comes when what is under way is done, or has come already.
      return
    }
    this.#queues.set(lane, [item])
    this.#ready.push(lane)
    this.#begin()
  }

  /** Drops what is not begun, and gives it. What is under way goes on. */
  clear(): T[] {
    const dropped = [...this.#queues.values()].flatMap((queue) => queue.splice(0))
    for (const lane of this.#ready) this.#queues.delete(lane)
    this.#ready = []
    this.#size -= dropped.length
    this.#tellDone()
    return dropped
  }

  /** Resolves when there are at most `size` items. */
  async settled(size: number): Promise<void> {
    while (this.#size > size) await new Promise<void>((resolve) => this.#onDone.push(resolve))
  }

  #begin(): void {
    while (this.#busy < this.#lanesMax) {
      const lane = this.#ready.shift()
      if (lane === undefined) return
      void this.#step(lane)
    }
  }

  async #step(lane: string): Promise<void> {
    const queue = this.#queues.get(lane) ?? []
    const [item] = queue.splice(0, 1)
    if (item === undefined) return
    this.#busy++
    await this.#work(item)
    this.#busy--
    this.#size--
    if (queue.length > 0) this.#ready.push(lane)
    else this.#queues.delete(lane)
    this.#tellDone()
    this.#begin()
  }

  #tellDone(): void {
    const waiting = this.#onDone
    this.#onDone = []
    for (const resolve of waiting) resolve()
  }
}
