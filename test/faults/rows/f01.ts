import assert from 'node:assert'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'

const row: FaultRow = {
  number: 'F1',
  fault: 'Redis is killed while messages go out, and starts empty',
  ci: true,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(2)
    const traffic = await rig.startTraffic({
      ...{ urls, rooms: ['a', 'b'], subscribersPerRoom: 4, publishersPerRoom: 2, perSecond: 20 }
    })
    await traffic.flow(100)
    await redis.kill()
    const noticed = await Promise.all(urls.map((url) => untilReady(url, false, 2000)))
    await redis.restart()
    const recovered = await Promise.all(urls.map((url) => untilReady(url, true, 5000)))
    await traffic.flow(100)
    await traffic.stop()
    await traffic.untilPresenceIsRight(10_000)
    const { lost, resets, acknowledged } = await traffic.check({ mayLose: 'rolled back' })
    assert.ok(lost > 0 && resets > 0, 'what was lost was told')
    return {
      seen: `not ready after ${Math.round(Math.max(...noticed))} ms; ${lost} of ${acknowledged} lost with Redis, told by ${resets} resets`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I12', 'I14'],
      recoveryMs: Math.max(...recovered)
    }
  }
}

export default row
