import type { Clock } from '../clock.js'

type Task = () => Promise<void>

const RETRY_MS = 1000
/** Tasks that are tried side by side: a store that has just come back is not to be met by all of them at once. */
const WIDTH = 100

/**
 * Writes to the presence that could not be made, or whose outcome nobody knows: each is tried again until it
 * succeeds. A task has to look by itself whether it is still right. Of tasks under one key only the latest waits, so
 * that what waits is no more than there are things to be right about.
 */
export class RetryQueue {
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #tasks = new Map<string, Task>()
  #running = false
  #closed = false

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock
    this.#onError = onError
  }

  /** Tasks that wait. */
  get size(): number {
    return this.#tasks.size
  }

  /** Tries at once, and then until it succeeds or another comes under its key. Never rejects; resolves after the first try. */
  async run(key: string, task: Task): Promise<void> {
    this.#tasks.delete(key)
    try {
      await task()
    } catch (error) {
      this.#onError(error)
      if (this.#closed) return
      this.#tasks.set(key, task)
      this.#schedule()
    }
  }

  /** What still waits is given up: the node's part of the presence goes with its lease. */
  close(): void {
    this.#closed = true
    this.#tasks.clear()
  }

  #schedule(): void {
    if (this.#running || this.#closed || this.#tasks.size === 0) return
    this.#running = true
    this.#clock.after(RETRY_MS, () => void this.#retry())
  }

  async #retry(): Promise<void> {
    const tasks = [...this.#tasks]
    for (let start = 0; start < tasks.length && !this.#closed; start += WIDTH) {
      await Promise.all(tasks.slice(start, start + WIDTH).map(([key, task]) => this.#tryAgain(key, task)))
    }
    this.#running = false
    this.#schedule()
  }

  async #tryAgain(key: string, task: Task): Promise<void> {
    if (this.#tasks.get(key) !== task) return
    const succeeded = await task().then(
      () => true,
      () => false
    )
    if (succeeded && this.#tasks.get(key) === task) this.#tasks.delete(key)
  }
}
