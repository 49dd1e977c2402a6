interface QueuedCommand {
  readonly run: () => Promise<unknown>
  readonly exclusive: boolean
}

export interface CommandQueueOptions {
  /** Commands that may wait or run before no more should come. */
  readonly sizeMax: number
  /** Called with true when the queue is full, with false when half of it is answered. */
  readonly onFull: (full: boolean) => void
}

/**
 * Commands of one connection, taken in order. An exclusive one runs alone; the others start in order without waiting
 * for each other's end (protocol.md, section 2).
 */
export class CommandQueue {
  readonly #options: CommandQueueOptions
  readonly #waiting: QueuedCommand[] = []
  readonly #idle: Array<() => void> = []
  #running = 0
  #exclusive = false
  #full = false

  constructor(options: CommandQueueOptions) {
    this.#options = options
  }

  /** Commands that are not answered yet. */
  get size(): number {
    return this.#waiting.length + this.#running
  }

  /** `run` must not reject. What comes after `onFull(true)` is taken all the same. */
  push(run: () => Promise<unknown>, exclusive: boolean): void {
    this.#waiting.push({ run, exclusive })
    this.#start()
    if (this.size >= this.#options.sizeMax) this.#setFull(true)
  }

  /** Resolves when every command that came so far is answered. */
  async idle(): Promise<void> {
    if (this.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Forgets what has not begun. */
  clear(): void {
    this.#waiting.length = 0
  }

  #start(): void {
    for (;;) {
      const next = this.#waiting[0]
      if (next === undefined || this.#exclusive || (next.exclusive && this.#running > 0)) return
      this.#waiting.shift()
      this.#running++
      this.#exclusive = next.exclusive
      next.run().then(this.#onEnd)
    }
  }

  readonly #onEnd = (): void => {
    this.#running--
    this.#exclusive = false
    this.#start()
    if (this.size <= this.#options.sizeMax / 2) this.#setFull(false)
    if (this.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  #setFull(full: boolean): void {
    if (this.#full === full) return
    this.#full = full
    this.#options.onFull(full)
  }
}
