import type { Test } from 'tap'

/** Whatever ends by itself and lets go of what was begun in it: a test, or a part of a driver. */
export type Scope = Pick<Test, 'teardown'>

/** The same where no test runs. */
export class DriverScope implements Scope {
  #tasks: Array<() => unknown> = []

  teardown(task: () => unknown): void {
    this.#tasks.push(task)
  }

  /** Runs what was handed in, newest first. */
  async end(): Promise<void> {
    const tasks = this.#tasks.reverse()
    this.#tasks = []
    for (const task of tasks) await task()
  }
}
