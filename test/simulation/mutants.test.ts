import t from 'tap'
import { mutants } from './mutants.js'
import { run } from './run.js'

/** Far more than it takes. */
const RUNS_MAX = 1000
const TIMEOUT_MS = 240_000

for (const mutant of mutants) {
  t.test(`a server that ${mutant.name} is found`, { timeout: TIMEOUT_MS }, async (t) => {
    const { firstSeed = 1 } = mutant
    for (let seed = firstSeed; seed < firstSeed + RUNS_MAX; seed++) {
      const { violation } = await run(seed, { mutant })
      if (violation === undefined) continue
      t.equal((await run(seed)).violation, undefined, 'the sound server passes the same run')
      t.pass(`in run ${seed}: ${violation}`)
      return
    }
    t.fail(`not within ${RUNS_MAX} runs`)
  })
}
