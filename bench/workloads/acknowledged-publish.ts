import type { Contestant } from '../contestants/contestant.js'
import { runLoad } from '../processes/load.js'
import { startRedisOn } from '../processes/redis.js'
import { watchVitals } from './watch-vitals.js'
import { atLeast, atMost, type Measurement, type Workload, type WorkloadContext } from './workload.js'

const PIPELINED = 1024
const TIMEOUT_MS = 60_000
const ALONE_MS_MAX = 2

interface Store {
  readonly name: 'embedded' | 'redis'
  readonly title: string
  readonly durable: 'disk' | 'redis'
  readonly acksPerSecond: number
}

const embedded: Store = { name: 'embedded', title: 'embedded', durable: 'disk', acksPerSecond: 40_000 }
const redis: Store = { name: 'redis', title: 'through Redis', durable: 'redis', acksPerSecond: 30_000 }

/** As many unanswered publishes of one WebSocket as a busy backend would have. */
function pipelined(store: Store): Workload {
  return {
    name: `publish-${store.name}`,
    title: `acknowledged publish over one WebSocket, ${PIPELINED.toLocaleString('en')} in flight, ${store.title}`,
    unit: 'acks/s',
    asked: `≥ ${store.acksPerSecond.toLocaleString('en')}/s with \`durable: ${store.durable}\``,
    contestants: ['roomcast'],
    isQuick: store.name === 'embedded',
    run: (context, contestant) => measure(context, contestant, store, PIPELINED),
    isMet: (of) => atLeast(of('roomcast')?.value, store.acksPerSecond)
  }
}

/** Publish, wait for the answer, publish. */
function alone(store: Store, asked: string): Workload {
  return {
    name: `publish-${store.name}-alone`,
    title: `acknowledged publish, one at a time, p50, ${store.title}`,
    unit: 'ms',
    asked,
    contestants: ['roomcast'],
    isQuick: store.name === 'embedded',
    percentile: 50,
    async run(context, contestant) {
      const { value, ...rest } = await measure(context, contestant, store, 1)
      return { ...rest, value: Number.NaN, more: { ...rest.more, acksPerSecond: value } }
    },
    isMet: (of) => (store.name === 'embedded' ? atMost(of('roomcast')?.p50, ALONE_MS_MAX) : undefined)
  }
}

export const acknowledgedPublish = [
  pipelined(embedded),
  alone(embedded, `≤ ${ALONE_MS_MAX} ms`),
  pipelined(redis),
  alone(redis, '–')
]

async function measure(
  { scope, cores, warmUpMs, measureMs }: WorkloadContext,
  contestant: Contestant,
  store: Store,
  inFlight: number
): Promise<Measurement> {
  const redisUrl = store.name === 'redis' ? (await startRedisOn(scope, cores.store)).url : undefined
  const running = await contestant.start(scope, { cores, redisUrl })
  const vitals = watchVitals(contestant, running)
  const { acksPerSecond, durable, refused, shares, latencies } = await runLoad(scope, {
    job: { job: 'acks', port: running.port, inFlight, warmUpMs, measureMs, serverPid: running.child.pid },
    core: cores.loads[0],
    timeoutMs: TIMEOUT_MS,
    onPhase: vitals.onPhase
  })
  const wrong = durable === store.durable ? undefined : `acknowledged as durable: ${durable}`
  const complaint = refused > 0 ? `${refused} publishes were refused` : wrong
  return {
    ...{ value: acksPerSecond, shares, latencies, connected: 1, more: await vitals.read(measureMs) },
    ...(complaint !== undefined && { complaint })
  }
}
