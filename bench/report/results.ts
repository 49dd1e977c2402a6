import { type ContestantName, contestantNames } from '../contestants/contestant.js'
import type { Measurement, Workload } from '../workloads/workload.js'
import type { Machine } from './machine.js'
import { type Summary, summarize } from './summary.js'

/** Of one workload, by contestant. */
export type Runs = Partial<Record<ContestantName, readonly Measurement[]>>

/** Everything that a bench has measured, as its file keeps it. */
export interface Results {
  /** One, unless parts were joined. */
  readonly commands: readonly string[]
  readonly startedAt: string
  readonly machine: Machine
  /** Of the minute before, over all cores: what else the machine had to do. */
  readonly loadAverage: number
  readonly versions: Partial<Record<ContestantName, string>>
  /** Why a contestant took no part. */
  readonly absent: Partial<Record<ContestantName, string>>
  readonly runs: Readonly<Record<string, Runs>>
}

/** The summary where it counts, for comparisons. */
export function countingSummary(
  workload: Pick<Workload, 'unit' | 'percentile'>,
  runs: Runs | undefined,
  name: ContestantName
): Summary | undefined {
  const summary = summarize(workload, runs?.[name] ?? [])
  return summary?.counts === true ? summary : undefined
}

/** Those who took part anywhere, in the order of the table. */
export function participants({ runs }: Results): ContestantName[] {
  return contestantNames.filter((name) => Object.values(runs).some((one) => (one[name]?.length ?? 0) > 0))
}

/** By workload and contestant, each with its unit. */
export function summarizeAll(all: readonly Workload[], results: Results) {
  const measured = all.filter(({ name }) => results.runs[name] !== undefined)
  return Object.fromEntries(measured.map((workload) => [workload.name, summarizeOne(workload, results)]))
}

function summarizeOne(workload: Workload, results: Results) {
  const summaries = participants(results).map((name) => {
    const summary = summarize(workload, results.runs[workload.name]?.[name] ?? [])
    return [name, summary && { unit: workload.unit, ...summary }] as const
  })
  return Object.fromEntries(summaries.filter(([, summary]) => summary !== undefined))
}
