import os from 'node:os'
import path from 'node:path'
import { root } from '../test/support/root.js'
import type { BenchArguments } from './arguments.js'
import { type ContestantName, contestantNames } from './contestants/contestant.js'
import { contestants } from './contestants/contestants.js'
import { installInto } from './install.js'
import { type Cores, chooseCores } from './processes/cores.js'
import { createProgress } from './progress.js'
import { writeBetweenMarks } from './report/document.js'
import { describeMachine } from './report/machine.js'
import { writePlots } from './report/plots.js'
import { renderReport } from './report/render.js'
import type { Results } from './report/results.js'
import { keepLatest, keepResults } from './report/store.js'
import { isMet } from './report/table.js'
import { planSteps, runSteps } from './run.js'
import type { Workload } from './workloads/workload.js'
import { workloads } from './workloads/workloads.js'

const document = path.join(root, 'docs/performance.md')
const plotFolder = path.join(root, 'docs/performance')

/** Runs what was chosen, tells it and keeps it. Gives whether every target that could be judged is met. */
export async function bench(
  chosen: BenchArguments,
  print: (text: string) => void,
  interruption: AbortSignal
): Promise<boolean> {
  for (const folder of ['bench', 'bench/peers']) installInto(folder, (name) => print(`installing into ${name} ...`))
  const taken = takenBy(chosen)
  const results = await measure(taken, chosen, interruption)
  print(`\n${renderReport(taken, results)}`)
  if (chosen.writesDocuments) await writeDocuments(await keepLatest(workloads, results))
  return taken.every((workload) => isMet(workload, workloads, results) !== false)
}

function takenBy({ only, isQuick }: BenchArguments): Workload[] {
  return workloads.filter((workload) => (only.length > 0 ? only.includes(workload.name) : workload.isQuick || !isQuick))
}

async function measure(
  taken: readonly Workload[],
  chosen: BenchArguments,
  interruption: AbortSignal
): Promise<Results> {
  const cores = chooseCores()
  const before = describe(chosen, cores)
  const peers = chosen.peers.filter((name) => before.absent[name] === undefined)
  const steps = planSteps(taken, peers, chosen.runs)
  const progress = createProgress(steps.length, process.stderr)
  const onRuns = (runs: Results['runs']) => keepResults(workloads, { ...before, runs })
  const runs = await runSteps({ steps, chosen, cores, progress, onRuns, interruption })
  progress.stop()
  return { ...before, runs }
}

function describe(chosen: BenchArguments, cores: Cores): Results {
  const absent = absences(chosen.peers)
  const present = chosen.peers.filter((name) => absent[name] === undefined)
  const given = process.argv.slice(2)
  return {
    commands: [`npm run bench${given.length > 0 ? ` -- ${given.join(' ')}` : ''}`],
    startedAt: new Date().toISOString(),
    machine: describeMachine(cores.server !== undefined),
    loadAverage: os.loadavg()[0] ?? 0,
    versions: versionsOf(['roomcast', ...present]),
    absent,
    runs: {}
  }
}

function absences(peers: readonly ContestantName[]): Results['absent'] {
  const found = contestantNames
    .filter((name) => peers.includes(name))
    .map((name) => [name, contestants[name].absence()] as const)
  return Object.fromEntries(found.filter(([, why]) => why !== undefined))
}

function versionsOf(names: readonly ContestantName[]): Results['versions'] {
  return Object.fromEntries(names.map((name) => [name, contestants[name].version()]))
}

/** The document shows what is missing, too. */
async function writeDocuments(results: Results): Promise<void> {
  const plots = await writePlots(workloads, results, plotFolder)
  await writeBetweenMarks(document, [renderReport(workloads, results), ...plots].join('\n\n'))
}
