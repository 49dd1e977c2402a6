import { parseArgs } from 'node:util'
import { startRedis } from '../support/redis-server.js'
import { type KindName, kinds, runSequences } from './sequences.js'

/*
 * npm run test:model -- --runs N [--store embedded|redis] [--kind KIND] [--seed S] [--path P] [--replay-path R]
 * Runs more sequences than the tests do, or one again that failed.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    store: { type: 'string' },
    kind: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
    'replay-path': { type: 'string' }
  }
})

const names = (Object.keys(kinds) as KindName[]).filter((name) => {
  const isOnRedis = kinds[name].store === 'redis'
  if (values.kind !== undefined) return values.kind === name
  return values.store === undefined || isOnRedis === (values.store === 'redis')
})
if (names.length === 0) throw new Error(`--kind is one of ${Object.keys(kinds).join(', ')}`)

const shares = names.reduce((sum, name) => sum + kinds[name].share, 0)
const teardowns: Array<() => unknown> = []
try {
  const needsRedis = names.some((name) => kinds[name].store === 'redis')
  const redis = needsRedis ? await startRedis({ teardown: (end: () => unknown) => teardowns.unshift(end) }) : undefined
  for (const kind of names) {
    const runs = Math.max(Math.round((Number(values.runs) * kinds[kind].share) / shares), 1)
    const seed = values.seed === undefined ? undefined : Number(values.seed)
    const begun = performance.now()
    const options = { kind, runs, redisUrl: redis?.url, seed, path: values.path, replayPath: values['replay-path'] }
    const used = await runSequences(options)
    console.log(`${kind}: ${runs} sequences, seed ${used}, ${Math.round(performance.now() - begun)} ms`)
  }
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  for (const end of teardowns) await end()
}
