import { mergeHistograms, percentileMs } from '../load/histogram.js'
import { isRate, type Measurement, type Workload } from '../workloads/workload.js'
import { verdictOf } from './verdict.js'

/** Between two runs of a rate. Small times and shares may differ by more without meaning anything. */
const SPREAD_MAX = 0.3

/** What the runs of one contestant in one workload say together. */
export interface Summary {
  /** The median of the runs that count, or the percentile of all their latencies, in the workload's unit. */
  readonly value: number
  /** Of the runs that count: the least good. */
  readonly worst: number
  /** From the least to the largest, as a share of the median; 0 for one run. */
  readonly spread: number
  /** Milliseconds, of the latencies of all runs that count. */
  readonly p50?: number
  readonly p99?: number
  /** Medians of what was seen besides. */
  readonly more: Readonly<Record<string, number>>
  readonly runs: number
  /** Why it does not count, as a whole or some of its runs. */
  readonly objections: readonly string[]
  /** Whether it may be compared with anything. */
  readonly counts: boolean
}

/** Undefined where nothing was measured. */
export function summarize(
  workload: Pick<Workload, 'unit' | 'percentile'>,
  measurements: readonly Measurement[]
): Summary | undefined {
  if (measurements.length === 0) return undefined
  const good = measurements.filter((measurement) => verdictOf(measurement) === undefined)
  const objections = measurements.map(verdictOf).filter((verdict) => verdict !== undefined)
  // What does not count is still shown.
  const shown = good.length > 0 ? good : measurements
  const values = shown.map((measurement) => jointValue(workload, [measurement]))
  const spread = spreadOf(values)
  const isSteady = !isRate(workload.unit) || spread <= SPREAD_MAX
  return {
    value: workload.percentile === undefined ? median(values) : jointValue(workload, shown),
    worst: isRate(workload.unit) ? Math.min(...values) : Math.max(...values),
    ...{ spread, ...percentiles(shown), more: mediansOf(shown), runs: measurements.length },
    objections: isSteady ? objections : [...objections, `spread ${Math.round(spread * 100)} %`],
    counts: good.length > 0 && isSteady
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

function jointValue({ percentile }: Pick<Workload, 'percentile'>, measurements: readonly Measurement[]): number {
  if (percentile === undefined) return measurements[0]?.value ?? Number.NaN
  return percentileMs(mergeHistograms(latenciesOf(measurements)), percentile)
}

function percentiles(measurements: readonly Measurement[]): { p50?: number; p99?: number } {
  const encoded = latenciesOf(measurements)
  if (encoded.length === 0) return {}
  const merged = mergeHistograms(encoded)
  return { p50: percentileMs(merged, 50), p99: percentileMs(merged, 99) }
}

export function latenciesOf(measurements: readonly Measurement[]): string[] {
  return measurements.map(({ latencies }) => latencies).filter((encoded) => encoded !== undefined)
}

function spreadOf(values: readonly number[]): number {
  return values.length < 2 ? 0 : (Math.max(...values) - Math.min(...values)) / median(values)
}

/** Shares of the cores stand among the rest. */
function mediansOf(measurements: readonly Measurement[]): Record<string, number> {
  const all = measurements.map(({ more, shares }) => ({
    ...more,
    ...(shares !== undefined && { clientPercent: shares.client * 100, serverPercent: shares.server * 100 })
  }))
  const names = new Set(all.flatMap((one) => Object.keys(one)))
  return Object.fromEntries(
    [...names].map((name) => [name, median(all.map((one) => (one as Record<string, number>)[name] ?? Number.NaN))])
  )
}
