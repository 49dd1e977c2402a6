import type { Scope } from '../../test/support/scope.js'
import type { Contestant, ContestantName } from '../contestants/contestant.js'
import type { Shares } from '../load/jobs.js'
import type { Cores } from '../processes/cores.js'
import type { Summary } from '../report/summary.js'

/** What one run of one contestant gave. */
export interface Measurement {
  /** In the workload's unit. */
  readonly value: number
  /** What was seen besides; the names tell the units. */
  readonly more?: Readonly<Record<string, number>>
  /** An HDR histogram of microseconds, compressed. */
  readonly latencies?: string
  readonly shares?: Shares
  readonly delivered?: number
  readonly expected?: number
  /** Came though it was never sent. */
  readonly surplus?: number
  readonly connected?: number
  /** What the load itself says against this run. */
  readonly complaint?: string
}

export interface WorkloadContext {
  /** Ends with this run: processes, folders. */
  readonly scope: Scope
  readonly cores: Cores
  readonly warmUpMs: number
  readonly measureMs: number
  /** The median rate of a workload that ran before in this bench; undefined where it did not, or does not count. */
  rateOf(workload: string, contestant: ContestantName): number | undefined
}

/** What was measured; undefined where it was not, or does not count. */
export type SummaryOf = (workload: string, contestant: ContestantName) => Summary | undefined

export interface Workload {
  readonly name: string
  /** As it stands in the table. */
  readonly title: string
  readonly unit: Unit
  /** The target, in words. */
  readonly asked: string
  readonly contestants: readonly ContestantName[]
  /** Takes part in `--quick`. */
  readonly isQuick: boolean
  /** The value is this percentile of the latencies of all runs together, in milliseconds; absent: what `run` gives. */
  readonly percentile?: 50 | 99
  /** Runs of which one tells enough: what is proved is no matter of speed. */
  readonly runs?: number
  run(context: WorkloadContext, contestant: Contestant): Promise<Measurement>
  /** Whether the target is met; undefined where it cannot be told. */
  isMet(of: (contestant: ContestantName) => Summary | undefined, all: SummaryOf): boolean | undefined
}

/** `more` of rates is better; of all others less is. */
export type Unit = 'deliveries/s' | 'acks/s' | 'ms' | 's' | 'KB' | 'bytes' | '% of a core' | '% delivered'

export function isRate(unit: Unit): boolean {
  return unit === 'deliveries/s' || unit === 'acks/s'
}

/** How often `a` holds `b`; undefined where one of them is missing. */
export function ratio(a: Summary | undefined, b: Summary | undefined): number | undefined {
  return a === undefined || b === undefined || b.value === 0 ? undefined : a.value / b.value
}

/** Undefined where there is nothing to compare. */
export function atLeast(value: number | undefined, limit: number): boolean | undefined {
  return value === undefined ? undefined : value >= limit
}

/** Undefined where there is nothing to compare. */
export function atMost(value: number | undefined, limit: number): boolean | undefined {
  return value === undefined ? undefined : value <= limit
}
