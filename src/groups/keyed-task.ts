interface Running {
  again: boolean
  readonly done: Promise<void>
}

/**
 * A task that brings something up to date, one run at a time for each key: where it is asked for while it runs, it runs
 * once more, so that it has seen everything that was there when it was asked for.
 */
export class KeyedTask {
  readonly #run: (key: string, isStale: () => boolean) => Promise<void>
  readonly #running = new Map<string, Running>()

  /** `run` may end early once `isStale` says that it will run again. It must not reject. */
  constructor(run: (key: string, isStale: () => boolean) => Promise<void>) {
    this.#run = run
  }

  /** Keys with a run under way. */
  keys(): string[] {
    return [...this.#running.keys()]
  }

  /** Resolves when a run has ended that began after this call. */
  request(key: string): Promise<void> {
    const running = this.#running.get(key)
    if (running !== undefined) {
      running.again = true
      return running.done
    }
    const done = Promise.resolve().then(() => this.#runAll(key))
    this.#running.set(key, { again: true, done })
    return done
  }

  async #runAll(key: string): Promise<void> {
    const running = this.#running.get(key)
    while (running?.again === true) {
      running.again = false
      await this.#run(key, () => running.again)
    }
    this.#running.delete(key)
  }
}
