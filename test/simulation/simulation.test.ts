import t from 'tap'
import { freshSeed } from '../faults/support/random.js'
import { run } from './run.js'

/** Worlds of each of the two rows of seeds; `npm run test:simulation -- --runs N` runs more. */
const RUNS = 500
const TIMEOUT_MS = 240_000
/** Lines of a failed run that are shown: its end. */
const LINES = 60

t.test(
  'whatever befalls Redis, the nodes and the clients, what was promised holds',
  { timeout: TIMEOUT_MS },
  async (t) => {
    // The first row is the same for everybody, the second one nobody has seen before.
    for (const first of [1, freshSeed()]) {
      for (let seed = first; seed < first + RUNS; seed++) {
        const { violation, trace } = await run(seed)
        if (violation === undefined) continue
        t.comment(trace.slice(-LINES).join('\n'))
        t.fail(`${violation} (again with: npm run test:simulation -- --seed ${seed})`)
        return
      }
      t.pass(`${RUNS} runs from seed ${first} on`)
    }
  }
)

t.test('the same seed gives the same run, to the last message', async (t) => {
  let lines = 0
  for (const seed of [1, 2, 3, 4, 5]) {
    const [one, other] = [await run(seed, { detailed: true }), await run(seed, { detailed: true })]
    lines += one.trace.length
    t.strictSame(other, one)
  }
  t.ok(lines > 300, 'something happens in them')
})
