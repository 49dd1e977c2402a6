import { bystander } from '../../store/redis-harness.js'
import { until } from '../../support/until.js'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'

/** Nobody listens there: the demoted one keeps what it has. */
const NOWHERE = ['127.0.0.1', '9'] as const
const DEMOTED_MS = 5000

const row: FaultRow = {
  number: 'F14',
  fault: 'The master is demoted, and answers READONLY to its nodes',
  ci: true,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(2)
    const admin = await bystander(rig.scope, redis.url)
    const traffic = await rig.startTraffic({
      ...{ urls, rooms: ['a', 'b'], subscribersPerRoom: 4, publishersPerRoom: 2, perSecond: 20 }
    })
    await traffic.flow(100)
    const before = traffic.acknowledged
    await admin.replicaof(...NOWHERE)
    const noticed = await Promise.all(urls.map((url) => untilReady(url, false, DEMOTED_MS)))
    await until(
      () => refusedWrites(admin),
      (count) => count > 20
    )
    const meanwhile = traffic.acknowledged - before
    await admin.replicaof('NO', 'ONE')
    const recovered = await Promise.all(urls.map((url) => untilReady(url, true, 5000)))
    await traffic.flow(100)
    await traffic.untilPresenceIsRight(10_000)
    await traffic.stop()
    const { unknown } = await traffic.check()
    return {
      seen: `not ready after ${Math.round(Math.max(...noticed))} ms; ${meanwhile} acknowledged at the last moment, ${unknown} told as unknown and tried again`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I12', 'I14'],
      recoveryMs: Math.max(...recovered)
    }
  }
}

async function refusedWrites(admin: Awaited<ReturnType<typeof bystander>>): Promise<number> {
  return Number(/^errorstat_READONLY:count=(\d+)/m.exec(await admin.info('errorstats'))?.[1] ?? 0)
}

export default row
