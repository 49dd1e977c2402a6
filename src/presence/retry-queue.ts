import type { Clock } from '../clock.js'

const RETRY_MS = 1000

/**
 * Writes to the presence that could not be made, or whose outcome nobody knows: each is tried again until it
 * succeeds. A task has to look by itself whether it is still right.
 */
export class RetryQueue {
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  #tasks: Array<() => Promise<void>> = []
  #running = false
  #closed = false

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock
    this.#onError = onError
  }

  /** Tries at once, and then until it succeeds. Never rejects; resolves after the first try. */
  async run(task: () => Promise<void>): Promise<void> {
    try {
      await task()
    } catch (error) {
      this.#onError(error)
      this.#tasks.push(task)
      this.#schedule()
    }
  }

  /** What still waits is given up: the node's part of the presence goes with its lease. */
  close(): void {
    this.#closed = true
    this.#tasks = []
  }

  #schedule(): void {
    if (this.#running || this.#closed || this.#tasks.length === 0) return
    this.#running = true
    this.#clock.after(RETRY_MS, () => void this.#retry())
  }

  async #retry(): Promise<void> {
    const tasks = this.#tasks
    this.#tasks = []
    const tried = await Promise.allSettled(tasks.map((task) => task()))
    if (!this.#closed) this.#tasks.push(...tasks.filter((_task, index) => tried[index]?.status === 'rejected'))
    this.#running = false
    this.#schedule()
  }
}
