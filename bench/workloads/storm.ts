import { runLoad } from '../processes/load.js'
import { startRedisOn } from '../processes/redis.js'
import { commandCalls } from '../processes/redis-calls.js'
import { watchVitals } from './watch-vitals.js'
import type { Workload } from './workload.js'

const CLIENTS = 5000
const ROOMS = 100
const MISSED = 20
const SECONDS_MAX = 5
const READS_MAX = 3
const TIMEOUT_MS = 120_000
/** Every read of a log asks Redis for the oldest message that is kept, and then for what follows. */
const RANGES_OF_A_READ = 2

/** Five thousand are cut at once, in rooms of fifty; all come back at once. */
function storm(name: string, title: string, isRedis: boolean): Workload {
  return {
    name,
    title: `5,000 clients cut at once, 20 messages missed by each, ${title}`,
    unit: 's',
    asked: `all back and complete in ≤ ${SECONDS_MAX} s${isRedis ? `; history reads per room ≤ ${READS_MAX}` : ''}`,
    contestants: ['roomcast'],
    isQuick: false,
    async run({ scope, cores }, contestant) {
      const redis = isRedis ? await startRedisOn(scope, cores.store) : undefined
      const running = await contestant.start(scope, { cores, redisUrl: redis?.url })
      const { port, child } = running
      const vitals = watchVitals(contestant, running)
      const ranges: number[] = []
      const { seconds, calmP99Ms, ...rest } = await runLoad(scope, {
        job: { job: 'storm', port, rooms: ROOMS, clients: CLIENTS, missed: MISSED, serverPid: child.pid },
        core: cores.loads[0],
        timeoutMs: TIMEOUT_MS,
        onPhase: async (phase) => {
          vitals.onPhase(phase)
          if (redis !== undefined) ranges.push(await commandCalls(redis.port, ['xrange', 'xrevrange']))
        }
      })
      const [, missed = Number.NaN, back = Number.NaN] = ranges
      const readsPerRoom = (back - missed) / RANGES_OF_A_READ / ROOMS
      const more = { calmP99Ms, ...(await vitals.read(seconds * 1000)) }
      return { ...rest, value: seconds, more: { ...more, ...(isRedis && { readsPerRoom }) } }
    },
    isMet: (of) => {
      const ours = of('roomcast')
      if (ours === undefined) return undefined
      return ours.worst <= SECONDS_MAX && (!isRedis || (ours.more.readsPerRoom ?? Number.NaN) <= READS_MAX)
    }
  }
}

export const storms = [storm('storm', 'embedded', false), storm('storm-redis', 'through Redis', true)]
