import assert from 'node:assert'
import { bystander } from '../../store/redis-harness.js'
import type { FaultRow } from '../rig/row.js'
import { talk } from '../rig/talk.js'

const KILLS = 5

const row: FaultRow = {
  number: 'F10',
  fault: 'Only the connections that subscribe are killed, again and again',
  ci: true,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(2)
    const behind = await bystander(rig.scope, redis.url)
    const traffic = await rig.startTraffic(talk(urls))
    for (let n = 0; n < KILLS; n++) {
      await traffic.flow(40)
      await behind.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    }
    const killedAt = performance.now()
    // The last ones of all are published while nobody hears: nothing later could show that they are missing.
    await traffic.flow(2)
    await traffic.stop()
    const { acknowledged, heard, comebacks, gaps, resets, unknown, departures } = await traffic.check()
    const recoveryMs = performance.now() - killedAt
    assert.equal(heard, 4 * acknowledged, 'I1: everybody heard everything')
    assert.deepEqual(
      { comebacks, gaps, resets, unknown, departures },
      { comebacks: 0, gaps: 0, resets: 0, unknown: 0, departures: 0 }
    )
    assert.ok(recoveryMs < 5000, `I14: repaired after ${recoveryMs} ms`)
    return {
      seen: `${KILLS} kills: the nodes read what they missed; all members heard all ${acknowledged} in order, none had to come back, none was told of a loss`,
      held: ['I1', 'I2', 'I3', 'I4', 'I9', 'I14'],
      recoveryMs
    }
  }
}

export default row
