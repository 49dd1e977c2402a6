// `npm run bench`: how fast Roomcast is beside its peers and the kernel, on this machine, at this hour.
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ArgumentError } from '../test/faults/support/arguments.js'
import { root } from '../test/support/root.js'
import type { DriverScope } from '../test/support/scope.js'
import { type BenchArguments, parseArguments, usage } from './arguments.js'
import { type ContestantName, contestantNames } from './contestants/contestant.js'
import { contestants } from './contestants/contestants.js'
import { installInto } from './install.js'
import { chooseCores } from './processes/cores.js'
import { createProgress } from './progress.js'
import { writeBetweenMarks } from './report/document.js'
import { describeMachine } from './report/machine.js'
import { writePlots } from './report/plots.js'
import { renderReport } from './report/render.js'
import type { Results } from './report/results.js'
import { isMet } from './report/table.js'
import { planSteps, runSteps } from './run.js'
import type { Workload } from './workloads/workload.js'
import { workloads } from './workloads/workloads.js'

const EXIT_GOOD = 0
const EXIT_BAD = 1
const EXIT_WRONG_ARGUMENTS = 2
const EXIT_INTERRUPTED = 130

const document = path.join(root, 'docs/performance.md')
const plotFolder = path.join(root, 'docs/performance')
const resultFolder = path.join(root, 'bench/results')

let scope: DriverScope | undefined

async function run(chosen: BenchArguments): Promise<boolean> {
  for (const folder of ['bench', 'bench/peers']) installInto(folder, (name) => print(`installing into ${name} ...`))
  const taken = takenBy(chosen)
  const results = await measure(taken, chosen)
  // The document shows what is missing, too.
  const text = renderReport(chosen.writesDocuments ? workloads : taken, results)
  print(`\n${text}`)
  await keep(results, chosen)
  if (chosen.writesDocuments) {
    const plots = await writePlots(workloads, results, plotFolder)
    await writeBetweenMarks(document, [text, ...plots].join('\n\n'))
  }
  return workloads.every((workload) => isMet(workload, workloads, results) !== false)
}

function takenBy({ only, isQuick }: BenchArguments): Workload[] {
  return workloads.filter((workload) => (only.length > 0 ? only.includes(workload.name) : workload.isQuick || !isQuick))
}

async function measure(taken: readonly Workload[], chosen: BenchArguments): Promise<Results> {
  const startedAt = new Date().toISOString()
  const absent = absences(chosen)
  const peers = chosen.peers.filter((name) => absent[name] === undefined)
  const steps = planSteps(taken, peers, chosen.runs)
  const progress = createProgress(steps.length, process.stderr)
  const cores = chooseCores()
  const onScope = (begun: DriverScope) => {
    scope = begun
  }
  const runs = await runSteps({ steps, chosen, cores, progress, onScope })
  progress.stop()
  const command = `npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`
  const machine = describeMachine(cores.load !== undefined)
  return { command, startedAt, machine, versions: versionsOf(['roomcast', ...peers]), absent, runs }
}

/** The newest whole bench has a name of its own: it is what the documents show. */
async function keep(results: Results, { writesDocuments }: BenchArguments): Promise<void> {
  await mkdir(resultFolder, { recursive: true })
  const text = `${JSON.stringify(results, null, 1)}\n`
  const names = [`${results.startedAt.replaceAll(':', '-')}.json`, ...(writesDocuments ? ['latest.json'] : [])]
  for (const name of names) await writeFile(path.join(resultFolder, name), text)
}

function absences({ peers }: BenchArguments): Results['absent'] {
  const found = contestantNames
    .filter((name) => peers.includes(name))
    .map((name) => [name, contestants[name].absence()] as const)
  return Object.fromEntries(found.filter(([, why]) => why !== undefined))
}

function versionsOf(names: readonly ContestantName[]): Results['versions'] {
  return Object.fromEntries(names.map((name) => [name, contestants[name].version()]))
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

async function start(): Promise<number> {
  try {
    const names = workloads.map(({ name }) => name)
    const chosen = parseArguments(process.argv.slice(2), names)
    if (chosen !== undefined) return (await run(chosen)) ? EXIT_GOOD : EXIT_BAD
    print(`${usage}\nWorkloads: ${names.join(', ')}`)
    return EXIT_GOOD
  } catch (error) {
    const isKnown = error instanceof ArgumentError
    process.stderr.write(`bench: ${isKnown ? error.message : ((error as Error).stack ?? error)}\n`)
    return isKnown ? EXIT_WRONG_ARGUMENTS : EXIT_BAD
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await scope?.end()
    process.exit(EXIT_INTERRUPTED)
  })
}

process.exit(await start())
