interface QueuedCommand {
  readonly run: () => Promise<unknown>
  readonly exclusive: boolean
}

/** Whose commands they are. */
export interface CommandQueueOwner {
  /** Called with true when the queue is full, with false when half of it is answered. */
  onFull(full: boolean): void
}

/**
 * Commands of one connection, taken in order. An exclusive one runs alone; the others start in order without waiting
 * for each other's end (protocol.md, section 2).
 */
export class CommandQueue {
  readonly #sizeMax: number
  readonly #owner: CommandQueueOwner
  /** Undefined where nothing waits: most connections have no command under way. */
  #waiting: QueuedCommand[] | undefined
  #onIdle: Array<() => void> | undefined
  #running = 0
  #exclusive = false
  #full = false

  /** `sizeMax` commands may wait or run before no more should come. */
  constructor(sizeMax: number, owner: CommandQueueOwner) {
    this.#sizeMax = sizeMax
    this.#owner = owner
  }

  /** Commands that are not answered yet. */
  get size(): number {
    return (this.#waiting?.length ?? 0) + this.#running
  }

  /** `run` must not reject. What comes after `onFull(true)` is taken all the same. */
  push(run: () => Promise<unknown>, exclusive: boolean): void {
    if (this.#waiting === undefined && this.#mayStart(exclusive)) {
      this.#begin(run, exclusive)
    } else {
      this.#waiting ??= []
      this.#waiting.push({ run, exclusive })
    }
    if (this.size >= this.#sizeMax) this.#setFull(true)
  }

  /** Resolves when every command that came so far is answered. */
  async idle(): Promise<void> {
    if (this.size === 0) return
    const waiting = this.#onIdle ?? []
    this.#onIdle = waiting
    await new Promise<void>((resolve) => waiting.push(resolve))
  }

  /** Forgets what has not begun. */
  clear(): void {
    this.#waiting = undefined
  }

  #mayStart(exclusive: boolean): boolean {
    return !this.#exclusive && !(exclusive && this.#running > 0)
  }

  #begin(run: () => Promise<unknown>, exclusive: boolean): void {
    this.#running++
    this.#exclusive = exclusive
    run().then(() => this.#onEnd())
  }

  #beginWaiting(): void {
    for (;;) {
      const next = this.#waiting?.[0]
      if (next === undefined || !this.#mayStart(next.exclusive)) break
      this.#waiting?.shift()
      this.#begin(next.run, next.exclusive)
    }
    if (this.#waiting?.length === 0) this.#waiting = undefined
  }

  #onEnd(): void {
    this.#running--
    this.#exclusive = false
    this.#beginWaiting()
    if (this.size <= this.#sizeMax / 2) this.#setFull(false)
    if (this.size === 0) this.#tellIdle()
  }

  #tellIdle(): void {
    const waiting = this.#onIdle ?? []
    this.#onIdle = undefined
    for (const resolve of waiting) resolve()
  }

  #setFull(full: boolean): void {
    if (this.#full === full) return
    this.#full = full
    this.#owner.onFull(full)
  }
}
