import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { bystander } from '../../store/redis-harness.js'
import type { FaultRow } from '../rig/row.js'

const FLUSHES = 40
const PERIOD_MS = 50

const row: FaultRow = {
  number: 'F15',
  fault: 'Redis forgets all scripts, again and again',
  ci: true,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(2)
    const admin = await bystander(rig.scope, redis.url)
    const traffic = await rig.startTraffic({
      ...{ urls, rooms: ['a', 'b'], subscribersPerRoom: 4, publishersPerRoom: 4, perSecond: 50 }
    })
    await traffic.flow(100)
    for (let flush = 0; flush < FLUSHES; flush++) {
      await admin.script('FLUSH')
      await sleep(PERIOD_MS)
    }
    await traffic.stop()
    await traffic.untilPresenceIsRight(1000)
    const { acknowledged, unknown, refused } = await traffic.check()
    assert.equal(unknown + refused, 0, 'nobody noticed')
    return {
      seen: `${FLUSHES} times while ${acknowledged} messages went out; none was refused or tried again`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9']
    }
  }
}

export default row
