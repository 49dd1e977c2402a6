import { runLoad } from '../processes/load.js'
import { readTotal } from '../processes/metrics.js'
import { startRedisOn } from '../processes/redis.js'
import { watchVitals } from './watch-vitals.js'
import type { Workload } from './workload.js'

const CLIENTS = 5000
const ROOMS = 100
const MISSED = 20
const SECONDS_MAX = 5
const READS_MAX = 3
const TIMEOUT_MS = 120_000

/** Five thousand are cut at once, in rooms of fifty; all come back at once. */
function storm(name: string, title: string, isRedis: boolean): Workload {
  return {
    name,
    title: `5,000 clients cut at once, 20 messages missed by each, ${title}`,
    unit: 's',
    asked: `all back and complete in ≤ ${SECONDS_MAX} s; history reads per room ≤ ${READS_MAX}`,
    contestants: ['roomcast'],
    isQuick: false,
    async run({ scope, cores }, contestant) {
      const redis = isRedis ? await startRedisOn(scope, cores.store) : undefined
      const running = await contestant.start(scope, { cores, redisUrl: redis?.url })
      const { port, child } = running
      const vitals = watchVitals(contestant, running)
      const reads: number[] = []
      const { seconds, calmP99Ms, refused, retried, absence, ...rest } = await runLoad(scope, {
        job: { job: 'storm', port, rooms: ROOMS, clients: CLIENTS, missed: MISSED, serverPid: child.pid },
        core: cores.loads[0],
        timeoutMs: TIMEOUT_MS,
        onPhase: async (phase) => {
          vitals.onPhase(phase)
          reads.push(await readTotal(port, 'roomcast_history_reads_total'))
        }
      })
      const [, missed = Number.NaN, back = Number.NaN] = reads
      const readsPerRoom = (back - missed) / ROOMS
      const more = { calmP99Ms, readsPerRoom, refused, retried, ...(await vitals.read(seconds * 1000)) }
      return { ...rest, value: seconds, more, ...(absence !== undefined && { complaint: absence }) }
    },
    isMet: (of) => {
      const ours = of('roomcast')
      if (ours === undefined) return undefined
      return ours.worst <= SECONDS_MAX && (ours.more.readsPerRoom ?? Number.NaN) <= READS_MAX
    }
  }
}

export const storms = [storm('storm', 'embedded', false), storm('storm-redis', 'through Redis', true)]
