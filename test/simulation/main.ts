import { parseArgs } from 'node:util'
import { freshSeed } from '../faults/support/random.js'
import { mutants } from './mutants.js'
import { run } from './run.js'

/*
 * npm run test:simulation -- --runs N [--seed S] [--mutant NAME] [--detailed] [--until-red]
 * Runs more worlds than the tests do, or one again that failed. `--until-red` ends at the first that fails, and shows the
 * end of it.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    seed: { type: 'string' },
    mutant: { type: 'string' },
    detailed: { type: 'boolean', default: false },
    'until-red': { type: 'boolean', default: false }
  }
})

/** Lines of a failed run that are shown: its end. */
const LINES = 60

const first = values.seed === undefined ? freshSeed() : Number(values.seed)
const runs = Number(values.runs ?? (values.seed === undefined ? 1000 : 1))
const mutant = mutants.find(({ name }) => name === values.mutant)
if (values.mutant !== undefined && mutant === undefined) {
  throw new Error(`--mutant is one of ${mutants.map(({ name }) => name).join(', ')}`)
}

const begun = performance.now()
const begunCpu = process.cpuUsage()
let failures = 0
let count = 0
for (let seed = first; seed < first + runs; seed++) {
  count++
  const { violation, trace } = await run(seed, { mutant, detailed: values.detailed })
  if (violation === undefined && !values.detailed) continue
  if (runs === 1) console.log(trace.join('\n'))
  if (violation === undefined) continue
  failures++
  if (values['until-red']) console.log(trace.slice(-LINES).join('\n'))
  console.log(`seed ${seed}: ${violation} (again with: npm run test:simulation -- --seed ${seed})`)
  if (values['until-red']) break
}
const ms = performance.now() - begun
const { user, system } = process.cpuUsage(begunCpu)
const cpuMs = (user + system) / 1000
console.log(
  `${count} runs from seed ${first} on, ${failures} failed, ${(ms / count).toFixed(1)} ms a run, ${(cpuMs / count).toFixed(1)} of them on the processor`
)
if (failures > 0) process.exitCode = 1
