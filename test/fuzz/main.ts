import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readArguments, runDriver, seed } from '../faults/support/arguments.js'
import { usedHeap } from '../support/forced-gc.js'
import { startRedis } from '../support/redis-server.js'
import { DriverScope } from '../support/scope.js'
import { attack } from './campaign.js'
import type { Tally } from './play.js'
import { startTarget, type Target } from './target.js'

/*
 * npm run fuzz -- --seconds N [--seed S] [--on all|disk|redis|tokens]
 * Attacks servers in this process with messages, requests and bytes that nobody has thought of.
 */
const RUNS = 100
/** What has been used once is not let go of: code, pools, names. Nothing is compared with before. */
const WARM_UP_SHARE = 0.3
const HEAP_GROWTH_MAX = 24 * 1024 * 1024
const SETTLING_MS = 4000

const targets = ['disk', 'redis', 'tokens'] as const

void runDriver('fuzz', async () => {
  const {
    seconds,
    seed: first,
    on
  } = readArguments(process.argv.slice(2), { seconds: 60, seed }, { on: ['all', ...targets] })
  const scope = new DriverScope()
  const faults: unknown[] = []
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (fault) => faults.push(fault))
  try {
    const names = targets.filter((name) => on === 'all' || on === name)
    return await campaign({ servers: await start(scope, names), seconds, first, faults })
  } finally {
    await scope.end()
  }
})

async function start(scope: DriverScope, names: readonly string[]): Promise<Target[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-fuzz-'))
  scope.teardown(() => rm(folder, { recursive: true, force: true }))
  const redis = names.includes('redis') ? await startRedis(scope) : undefined
  const settings = {
    disk: { DATA_DIR: folder },
    redis: { REDIS_URL: redis?.url, REDIS_PREFIX: randomUUID() },
    tokens: {}
  }
  return await Promise.all(
    names.map((title) =>
      startTarget(scope, { title, settings: settings[title as keyof typeof settings], guarded: title === 'tokens' })
    )
  )
}

interface Campaign {
  readonly servers: readonly Target[]
  readonly seconds: number
  readonly first: number
  readonly faults: unknown[]
}

async function campaign({ servers, seconds, first, faults }: Campaign): Promise<boolean> {
  const tally: Tally = new Map()
  const begin = performance.now()
  const passed = () => (performance.now() - begin) / 1000
  let [round, warm] = [0, undefined as Remains | undefined]
  while (passed() < seconds) {
    const target = servers[round % servers.length] as Target
    const failure = await attack(target, { seed: first + round++, runs: RUNS, tally, faults })
    if (failure !== undefined) {
      process.stdout.write(`${failure}\n`)
      return false
    }
    if (warm === undefined && passed() > seconds * WARM_UP_SHARE) warm = await remainsOf(servers)
  }
  print(tally)
  process.stdout.write(`seeds ${first} to ${first + round - 1}, ${round * RUNS} cases in ${Math.round(passed())} s\n`)
  return warm === undefined || isLetGo(warm, await remainsOf(servers))
}

interface Remains {
  readonly heap: number
  readonly handles: number
  readonly connections: number
}

/** What is still there when all attackers have left. */
async function remainsOf(servers: readonly Target[]): Promise<Remains> {
  await sleep(SETTLING_MS)
  const connections = servers.reduce((sum, { app }) => sum + app.pool.size, 0)
  return { heap: usedHeap(), handles: process.getActiveResourcesInfo().length, connections }
}

function isLetGo(before: Remains, after: Remains): boolean {
  process.stdout.write(
    `left at three tenths: ${JSON.stringify(before)}\nleft at the end:      ${JSON.stringify(after)}\n`
  )
  const heap = after.heap - before.heap <= HEAP_GROWTH_MAX
  return heap && after.handles <= before.handles + 2 && after.connections === before.connections
}

function print(tally: Tally): void {
  const rows = [...tally].sort(([one], [other]) => (one < other ? -1 : 1))
  process.stdout.write(`${rows.map(([what, count]) => `${String(count).padStart(8)}  ${what}`).join('\n')}\n`)
}
