import { DriverScope } from '../test/support/scope.js'
import type { BenchArguments } from './arguments.js'
import type { Contestant } from './contestants/contestant.js'
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
/** What `--quick` does not begin any more after this. */
const QUICK_MS = 48_000

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
    const taking = workload.contestants.filter((name) => name === 'roomcast' || names.includes(name))
    const round = taking.map((name) => ({ workload, contestant: contestants[name] }))
    return Array.from({ length: Math.min(runs, workload.runs ?? runs) }, () => round).flat()
  })
}

/** Runs step by step. A run that fails is a measurement with a complaint. */
export async function runSteps({ steps, chosen, cores, progress, onRuns, interruption }: BenchOptions) {
  const runs: Record<string, Runs> = {}
  const begun = performance.now()
  for (const { workload, contestant } of steps) {
    if (chosen.isQuick && performance.now() - begun > QUICK_MS) break
    interruption.throwIfAborted()
    progress.begin(`${workload.name}  ${contestant.title}`)
    const scope = new DriverScope()
    const measurement = await runOne(workload, contestant, contextOf(scope, chosen, cores, runs), interruption)
    const before = runs[workload.name]?.[contestant.name] ?? []
    runs[workload.name] = { ...runs[workload.name], [contestant.name]: [...before, measurement] }
    progress.end(outcome(workload, measurement))
    await onRuns(runs)
  }
  return runs
}

function contextOf(
  scope: DriverScope,
  { isQuick, seconds }: BenchOptions['chosen'],
  cores: Cores,
  runs: Readonly<Record<string, Runs>>
): Omit<WorkloadContext, 'summaryOf'> & { scope: DriverScope; runs: Readonly<Record<string, Runs>> } {
  return { scope, cores, isQuick, measureMs: seconds * 1000, warmUpMs: isQuick ? QUICK_WARM_UP_MS : WARM_UP_MS, runs }
}

async function runOne(
  workload: Workload,
  contestant: Contestant,
  { runs, ...context }: ReturnType<typeof contextOf>,
  interruption: AbortSignal
): Promise<Measurement> {
  const end = () => context.scope.end()
  interruption.addEventListener('abort', end)
  const summaryOf: WorkloadContext['summaryOf'] = (name, other) =>
    countingSummary({ unit: 'deliveries/s' }, runs[name], other)
  try {
    return await workload.run({ ...context, summaryOf }, contestant)
  } catch (error) {
    return { value: Number.NaN, complaint: (error as Error).message.split('\n')[0] ?? 'failed' }
  } finally {
    interruption.removeEventListener('abort', end)
    await end()
  }
}

function outcome(workload: Workload, measurement: Measurement): string {
  const verdict = verdictOf(measurement)
  const summary = summarize(workload, [measurement])
  const { client = Number.NaN, server = Number.NaN } = measurement.shares ?? {}
  const shares = Number.isNaN(client)
    ? ''
    : `  load ${Math.round(client * 100)} %, server ${Math.round(server * 100)} %`
  return `${renderValue(summary?.value ?? Number.NaN, workload.unit)}${shares}${verdict === undefined ? '' : `  does not count: ${verdict}`}`
}
