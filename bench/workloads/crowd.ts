import { runLoad } from '../processes/load.js'
import { startRedisOn } from '../processes/redis.js'
import { watchVitals } from './watch-vitals.js'
import type { Workload } from './workload.js'

const CLIENTS = 10_000
const ROOMS = 100
const LOOP_MS_MAX = 100
const TIMEOUT_MS = 150_000

/** Ten thousand join at once, in rooms of a hundred; then they are cut at once, and do not come back. */
function crowd(name: string, title: string, isRedis: boolean): Workload {
  return {
    name,
    title: `10,000 clients join at once, ${title}; then all are cut`,
    unit: 's',
    asked: `the event loop late by < ${LOOP_MS_MAX} ms at p99, for both`,
    contestants: ['roomcast'],
    isQuick: false,
    async run({ scope, cores }, contestant) {
      const redis = isRedis ? await startRedisOn(scope, cores.store) : undefined
      const running = await contestant.start(scope, { cores, redisUrl: redis?.url })
      const [comings, goings] = [watchVitals(contestant, running), watchVitals(contestant, running)]
      const { joining, leaving, isEmptied, connected, shares } = await runLoad(scope, {
        job: { job: 'crowd', port: running.port, rooms: ROOMS, clients: CLIENTS, serverPid: running.child.pid },
        core: cores.loads[0],
        timeoutMs: TIMEOUT_MS,
        onPhase: async (phase) => {
          const vitals = phase.startsWith('joining') ? comings : goings
          vitals.onPhase(phase.endsWith('over') ? 'measured' : 'measuring')
          await vitals.read(1)
        }
      })
      const [came, went] = [await comings.read(joining.seconds * 1000), await goings.read(leaving.seconds * 1000)]
      const more = {
        ...{ ...came, calmP99Ms: joining.calmP99Ms },
        ...{ goneSeconds: leaving.seconds, goneCalmP99Ms: leaving.calmP99Ms },
        ...{ goneLoopDelayP99Ms: went.loopDelayP99Ms ?? 0, goneLoopDelayMaxMs: went.loopDelayMaxMs ?? 0 }
      }
      const complaint = isEmptied ? lackOf(connected) : 'some were counted though they had gone'
      return { value: joining.seconds, shares, connected, more, ...(complaint !== undefined && { complaint }) }
    },
    isMet: (of) => {
      const ours = of('roomcast')
      if (ours === undefined) return undefined
      const { loopDelayP99Ms = Number.NaN, goneLoopDelayP99Ms = Number.NaN } = ours.more
      return Math.max(loopDelayP99Ms, goneLoopDelayP99Ms) < LOOP_MS_MAX
    }
  }
}

function lackOf(connected: number): string | undefined {
  return connected === CLIENTS ? undefined : `${CLIENTS - connected} of ${CLIENTS} did not come in`
}

export const crowds = [crowd('crowd', 'embedded', false), crowd('crowd-redis', 'through Redis', true)]
