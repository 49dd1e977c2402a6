interface QueuedCommand {
  readonly run: () => Promise<void>
  readonly exclusive: boolean
}

/**
 * Commands of one connection, taken in order. An exclusive one runs alone; the others start in order without waiting
 * for each other's end (protocol.md, section 2).
 */
export class CommandQueue {
  readonly #waiting: QueuedCommand[] = []
  readonly #idle: Array<() => void> = []
  #running = 0
  #exclusive = false

  /** Commands that are not answered yet. */
  get size(): number {
    return this.#waiting.length + this.#running
  }

  /** `run` must not reject. */
  push(run: () => Promise<void>, exclusive: boolean): void {
    this.#waiting.push({ run, exclusive })
    this.#start()
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
      next.run().finally(() => {
        this.#running--
        this.#exclusive = false
        this.#start()
        if (this.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
      })
    }
  }
}
