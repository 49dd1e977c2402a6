import type { TestRedis } from '../../test/support/redis-server.js'
import type { Contestant } from '../contestants/contestant.js'
import { startRedisOn } from '../processes/redis.js'
import { measureRunning } from './measure-rooms.js'
import { atMost, type Workload, type WorkloadContext } from './workload.js'

const P50_MS_MAX = 2
const P99_MS_MAX = 10

/** Members on one node, the publisher on another, a Redis between them; 100 messages a second. */
export const nodeToNode: Workload = {
  name: 'node-to-node',
  title: 'latency p99 from one node to another through Redis, light load',
  unit: 'ms',
  asked: `p50 ≤ ${P50_MS_MAX} ms, p99 ≤ ${P99_MS_MAX} ms`,
  contestants: ['roomcast', 'socketio'],
  isQuick: false,
  percentile: 99,
  async run(context, contestant) {
    const redis = await startRedisOn(context.scope, context.cores.store)
    const [near, far] = [await startNode(context, contestant, redis), await startNode(context, contestant, redis)]
    const measured = await measureRunning(context, contestant, far, {
      ...{ rooms: 1, members: 10, senders: 'one', sampled: 10, publisherPort: near.port, pace: { perSecond: 100 } },
      // Redis may stand on the same core.
      sleepless: false
    })
    return { ...measured, value: Number.NaN, more: { ...measured.more, deliveriesPerSecond: measured.value } }
  },
  isMet: (of) => {
    const ours = of('roomcast')
    if (ours === undefined) return undefined
    return atMost(ours.p50, P50_MS_MAX) === true && atMost(ours.p99, P99_MS_MAX) === true
  }
}

function startNode({ scope, cores }: WorkloadContext, contestant: Contestant, redis: TestRedis) {
  const redisUrl = contestant.name === 'roomcast' ? redis.url : `redis://127.0.0.1:${redis.port}`
  return contestant.start(scope, { cores, redisUrl })
}
