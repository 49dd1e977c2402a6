import { DriverScope } from '../test/support/scope.js'
import type { BenchArguments } from './arguments.js'
import { type Contestant, ownNames } from './contestants/contestant.js'
import { contestants } from './contestants/contestants.js'
import type { Cores } from './processes/cores.js'
import type { Progress } from './progress.js'
import { countingSummary, type Runs } from './report/results.js'
import { summarize } from './report/summary.js'
import { renderValue } from './report/table.js'
import { verdictOf } from './report/verdict.js'
import type { Measurement, Workload, WorkloadContext } from './workloads/workload.js'

const WARM_UP_MS = 1000
const QUICK_WARM_UP_MS = 300
/** After this, `--quick` begins nothing more; what runs then is ended soon. */
const QUICK_MS = 48_000
const QUICK_END_MS = 57_000
/** No run takes longer. */
const RUN_MS_MAX = 180_000

/** One run of one workload by one contestant. */
export interface Step {
  readonly workload: Workload
  readonly contestant: Contestant
}

export interface BenchOptions {
  readonly steps: readonly Step[]
  readonly chosen: Pick<BenchArguments, 'isQuick' | 'seconds'>
  readonly cores: Cores
  readonly progress: Progress
  /** All that was measured so far, after each run. */
  readonly onRuns: (runs: Readonly<Record<string, Runs>>) => Promise<void>
  /** Ends what is under way, and begins nothing more. */
  readonly interruption: AbortSignal
}

/** Contestants take turns within a workload: what disturbs the machine for a while disturbs all of them. */
export function planSteps(workloads: readonly Workload[], names: BenchArguments['peers'], runs: number): Step[] {
  return workloads.flatMap((workload) => {
    const taking = workload.contestants.filter((name) => ownNames.includes(name) || names.includes(name))
    const round = taking.map((name) => ({ workload, contestant: contestants[name] }))
    return Array.from({ length: Math.min(runs, workload.runs ?? runs) }, () => round).flat()
  })
}

/** Runs step by step. A run that fails is a measurement with a complaint. */
export async function runSteps(options: BenchOptions): Promise<Record<string, Runs>> {
  const { steps, chosen, progress, onRuns, interruption } = options
  const runs: Record<string, Runs> = {}
  const begun = performance.now()
  for (const { workload, contestant } of steps) {
    const elapsed = performance.now() - begun
    if (chosen.isQuick && elapsed > QUICK_MS) break
    progress.begin(`${workload.name}  ${contestant.title}`)
    const measurement = await runOne(
      { workload, contestant },
      options,
      runs,
      chosen.isQuick ? QUICK_END_MS - elapsed : RUN_MS_MAX
    )
    interruption.throwIfAborted()
    const before = runs[workload.name]?.[contestant.name] ?? []
    runs[workload.name] = { ...runs[workload.name], [contestant.name]: [...before, measurement] }
    progress.end(outcomeOf(workload, measurement))
    await onRuns(runs)
  }
  return runs
}

async function runOne(
  { workload, contestant }: Step,
  options: BenchOptions,
  runs: Readonly<Record<string, Runs>>,
  limitMs: number
): Promise<Measurement> {
  const scope = new DriverScope()
  // Without its processes a run fails at once.
  const end = () => scope.end()
  const timer = setTimeout(end, limitMs)
  options.interruption.addEventListener('abort', end)
  try {
    return await workload.run(contextOf(options, scope, runs), contestant)
  } catch (error) {
    return { value: Number.NaN, complaint: (error as Error).message.split('\n')[0] ?? 'failed' }
  } finally {
    clearTimeout(timer)
    options.interruption.removeEventListener('abort', end)
    await end()
  }
}

function contextOf(
  { chosen: { isQuick, seconds }, cores }: BenchOptions,
  scope: DriverScope,
  runs: Readonly<Record<string, Runs>>
): WorkloadContext {
  return {
    ...{ scope, cores, measureMs: seconds * 1000, warmUpMs: isQuick ? QUICK_WARM_UP_MS : WARM_UP_MS },
    rateOf: (workload, contestant) => countingSummary({ unit: 'deliveries/s' }, runs[workload], contestant)?.value
  }
}

/** What stands in the line of progress. */
function outcomeOf(workload: Workload, measurement: Measurement): string {
  const { client = Number.NaN, server = Number.NaN } = measurement.shares ?? {}
  const verdict = verdictOf(measurement)
  return [
    renderValue(summarize(workload, [measurement])?.value ?? Number.NaN, workload.unit),
    Number.isNaN(client) ? '' : `load ${Math.round(client * 100)} %, server ${Math.round(server * 100)} %`,
    verdict === undefined ? '' : `does not count: ${verdict}`
  ].join('  ')
}
