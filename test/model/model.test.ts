import t from 'tap'
import { startRedis } from '../support/redis-server.js'
import { type KindName, kinds, runSequences } from './sequences.js'

/** Sequences of all kinds; `npm run test:model -- --runs N` runs more. */
const RUNS = 1600
const TIMEOUT_MS = 600_000

t.setTimeout(TIMEOUT_MS)

t.test('whatever clients and backends do, the server does what the model says', { timeout: TIMEOUT_MS }, async (t) => {
  const { url: redisUrl } = await startRedis(t)
  for (const kind of Object.keys(kinds) as KindName[]) {
    const runs = (RUNS * kinds[kind].share) / 1000
    const seed = await runSequences({ kind, runs, redisUrl })
    t.pass(`${kind}: ${runs} sequences, seed ${seed}`)
  }
})
