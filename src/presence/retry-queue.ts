import type { Clock } from '../clock.js'

type Task = () => Promise<void>

const RETRY_MS = 1000
/** Tasks that are tried side by side: a store that has just come back is not to be met by all of them at once. */
const WIDTH = 100

interface Entry {
  readonly task: Task
  isRunning: boolean
}

/**
 * Writes to the presence that could not be made, or whose outcome nobody knows: each is tried again until it
 * succeeds. A task has to look by itself whether it is still right. Of tasks under one key only the latest is tried again,
 * so that what waits is no more than there are things to be right about.
 */
export class RetryQueue {
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  /** The latest under each key, from its first try on. */
  readonly #entries = new Map<string, Entry>()
  #running = false
  #closed = false

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock
    this.#onError = onError
  }

  /** Tasks that are not done. */
  get size(): number {
    return this.#entries.size
  }

  /** Tries at once, and then until it succeeds or another comes under its key. Never rejects; resolves after the first try. */
  async run(key: string, task: Task): Promise<void> {
    const entry = { task, isRunning: false }
    // Before the first try: one that began earlier may fail later than this one.
    if (!this.#closed) this.#entries.set(key, entry)
    const error = await this.#try(key, entry)
    if (error === undefined) return
    this.#onError(error)
    this.#schedule()
  }

  /** What still waits is given up: the node's part of the presence goes with its lease. */
  close(): void {
    this.#closed = true
    this.#entries.clear()
  }

  #schedule(): void {
    if (this.#running || this.#closed || this.#entries.size === 0) return
    this.#running = true
    this.#clock.after(RETRY_MS, () => void this.#retry())
  }

  async #retry(): Promise<void> {
    const entries = [...this.#entries]
    for (let start = 0; start < entries.length && !this.#closed; start += WIDTH) {
      await Promise.all(entries.slice(start, start + WIDTH).map(([key, entry]) => this.#tryAgain(key, entry)))
    }
    this.#running = false
    this.#schedule()
  }

  async #tryAgain(key: string, entry: Entry): Promise<void> {
    if (this.#entries.get(key) === entry && !entry.isRunning) await this.#try(key, entry)
  }

  /** Answers why it failed. */
  async #try(key: string, entry: Entry): Promise<unknown> {
    entry.isRunning = true
    try {
      await entry.task()
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
      return undefined
    } catch (error) {
      return error ?? new Error('failed')
    } finally {
      entry.isRunning = false
    }
  }
}
