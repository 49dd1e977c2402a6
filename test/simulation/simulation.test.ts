import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freshSeed } from '../faults/support/random.js'
import { moduleExtension, moduleRunner } from '../support/root.js'
import { run } from './run.js'

/** Worlds of each of the two rows of seeds; `npm run test:simulation -- --runs N` runs more. */
const RUNS = 250
const TIMEOUT_MS = 240_000

/**
 * Runs worlds in a process of their own: tap follows every promise of its own one, and these make so many that it takes
 * more than twice the time.
 */
async function runWorlds(first: number): Promise<{ code: number | null; output: string }> {
  const program = fileURLToPath(new URL(`main${moduleExtension}`, import.meta.url))
  const argv = [...moduleRunner, program, '--seed', String(first), '--runs', String(RUNS), '--until-red']
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const output = await text(child.stdout)
  return { code: await ended, output }
}

t.test(
  'whatever befalls Redis, the nodes and the clients, what was promised holds',
  {
    timeout: TIMEOUT_MS
  },
  async (t) => {
    // The first row is the same for everybody, the second one nobody has seen before.
    for (const first of [1, freshSeed()]) {
      const { code, output } = await runWorlds(first)
      if (code !== 0) t.comment(output)
      t.equal(code, 0, `${RUNS} runs from seed ${first} on`)
      t.match(output, `${RUNS} runs from seed ${first} on, 0 failed`)
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
