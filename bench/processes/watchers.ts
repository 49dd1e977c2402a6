import type { Scope } from '../../test/support/scope.js'
import type { WatchJob, WatchReport } from '../load/jobs.js'
import { runLoad } from './load.js'

const PHASES = 3

/** Processes that hold a part of the members; they follow the phases of the one that publishes. */
export class Watchers {
  readonly #reports: Array<Promise<WatchReport>> = []
  readonly #gates = Array.from({ length: PHASES }, openable)
  #opened = 0

  /** Resolves when all of their members are in. */
  async start(scope: Scope, jobs: ReadonlyArray<{ job: WatchJob; core: number }>, timeoutMs: number): Promise<void> {
    await Promise.all(
      jobs.map(
        ({ job, core }) =>
          new Promise<void>((resolve, reject) => {
            let phase = 0
            const onPhase = () => {
              resolve()
              return this.#gates[phase++]?.opened
            }
            const report = runLoad(scope, { job, core, timeoutMs, onPhase })
            report.catch(reject)
            this.#reports.push(report)
          })
      )
    )
  }

  /** The measuring begins, ends, or everything does. */
  go(): void {
    this.#gates[this.#opened++]?.open()
  }

  /** Rejects where one of them failed. */
  async reports(): Promise<WatchReport[]> {
    return await Promise.all(this.#reports)
  }
}

function openable() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}
