// `npm run test:rolling`: both nodes of a cluster are replaced under load, and nobody notices.
import { randomUUID } from 'node:crypto'
import { startRedis } from '../support/redis-server.js'
import { DriverScope } from '../support/scope.js'
import { builtServer, startServerProcess } from '../support/server-process.js'
import { type RollingOutcome, runRolling } from './rolling/deploy.js'
import { readArguments, runDriver, seed } from './support/arguments.js'
import { Random } from './support/random.js'

const standard = { clients: 2000, rooms: 20, rate: 1, drain: 10, seed }

await runDriver('test:rolling', async () => {
  const { clients, rooms, rate, drain, seed } = readArguments(process.argv.slice(2), standard, {})
  print(`${clients} clients, ${rooms} rooms with ${rate} messages a second each, ${drain} s to drain; seed ${seed}`)
  const scope = new DriverScope()
  try {
    const { url } = await startRedis(scope)
    const env = {
      ...{ REDIS_URL: url, REDIS_PREFIX: randomUUID(), DRAIN_SECONDS: String(drain), RATE_LIMIT_PER_SECOND: '0' }
    }
    const program = builtServer()
    const startNode = () => startServerProcess(scope, env, program)
    const random = new Random(seed)
    const outcome = await runRolling(scope, { startNode, clients, rooms, rate, drainMs: drain * 1000, random })
    print(describe(outcome))
    return outcome.faults.length === 0 && outcome.delivered === outcome.expected
  } finally {
    await scope.end()
  }
})

function describe(outcome: RollingOutcome): string {
  const { gaps, faults } = outcome
  const gap = [50, 95, 99].map((percent) => `p${percent} ${gaps.percentile(percent).toFixed(0)} ms`).join(', ')
  return [
    `  published          ${outcome.published}`,
    `  delivered          ${outcome.delivered} of ${outcome.expected}`,
    `  a client's gap     ${gap}, max ${outcome.gapMaxMs.toFixed(0)} ms`,
    `  latency            ${outcome.latency}`,
    `  nodes ended after  ${outcome.endsMs.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', ')}`,
    `  opened in a slot   ${outcome.opensPerSlot} at most`,
    `  outcomes           ${outcome.outcomes}`,
    `  faults             ${faults.length}`,
    ...faults.slice(0, 20).map((fault) => `    ${fault}`)
  ].join('\n')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
