import fc from 'fast-check'
import { type Case, casesOf } from './actions.js'
import { play, type Tally } from './play.js'
import type { Target } from './target.js'

export interface Round {
  readonly seed: number
  readonly runs: number
  readonly tally: Tally
  /** What would have ended the process, as it comes in. */
  readonly faults: unknown[]
}

/** Plays so many cases against a server. Gives the smallest one that fails, in words; undefined where none does. */
export async function attack(target: Target, { seed, runs, tally, faults }: Round): Promise<string | undefined> {
  const property = fc.asyncProperty(casesOf(target), async (attack: Case) => {
    await play(target, attack, tally)
    const [fault] = faults.splice(0)
    if (fault !== undefined) throw fault
  })
  const details = await fc.check(property, { seed, numRuns: runs })
  if (!details.failed) return undefined
  const [smallest] = details.counterexample ?? []
  const cause = details.errorInstance
  const why = cause instanceof Error ? cause.stack : String(cause)
  return `${target.title}, seed ${seed}, after ${details.numRuns} cases\n${why}\n${JSON.stringify(smallest)}`
}
