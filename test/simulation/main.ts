import { parseArgs } from 'node:util'
import { freshSeed } from '../faults/support/random.js'
import { mutants } from './mutants.js'
import { run } from './run.js'

/*
 * npm run test:simulation -- --runs N [--seed S] [--mutant NAME] [--detailed]
 * Runs more worlds than the tests do, or one again that failed.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    seed: { type: 'string' },
    mutant: { type: 'string' },
    detailed: { type: 'boolean', default: false }
  }
})

const first = values.seed === undefined ? freshSeed() : Number(values.seed)
const runs = Number(values.runs ?? (values.seed === undefined ? 1000 : 1))
const mutant = mutants.find(({ name }) => name === values.mutant)
if (values.mutant !== undefined && mutant === undefined) {
  throw new Error(`--mutant is one of ${mutants.map(({ name }) => name).join(', ')}`)
}

const begun = performance.now()
const begunCpu = process.cpuUsage()
let failures = 0
for (let seed = first; seed < first + runs; seed++) {
  const { violation, trace } = await run(seed, { mutant, detailed: values.detailed })
  if (violation === undefined && !values.detailed) continue
  if (runs === 1) console.log(trace.join('\n'))
  if (violation === undefined) continue
  failures++
  console.log(`seed ${seed}: ${violation}`)
}
const ms = performance.now() - begun
const { user, system } = process.cpuUsage(begunCpu)
const cpuMs = (user + system) / 1000
console.log(
  `${runs} runs from seed ${first} on, ${failures} failed, ${(ms / runs).toFixed(1)} ms a run, ${(cpuMs / runs).toFixed(1)} of them on the processor`
)
if (failures > 0) process.exitCode = 1
