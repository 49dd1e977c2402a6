import assert from 'node:assert'
import { FailoverGroup } from '../failover/group.js'
import type { FaultRow } from '../rig/row.js'

const rooms = ['a', 'b']

const row: FaultRow = {
  number: 'F13',
  fault: 'Sentinel makes a replica the master that has not got the newest messages',
  ci: false,
  async run(rig) {
    const group = await FailoverGroup.start(rig)
    const { urls } = group
    const traffic = await rig.startTraffic({
      ...{ urls, rooms, subscribersPerRoom: 4, publishersPerRoom: 2, perSecond: 20 }
    })
    await traffic.flow(100)
    await group.untilReplicated()
    await group.cutReplication()
    await traffic.flow(100)
    const { recoveryMs } = await group.kill('master')
    await traffic.flow(100)
    const presenceMs = await traffic.untilPresenceIsRight(10_000)
    await traffic.stop()
    const { lost, resets, acknowledged } = await traffic.check({ mayLose: { ends: await group.ends(rooms) } })
    assert.ok(lost > 0 && resets > 0, 'what was lost was told')
    return {
      seen: `${lost} of ${acknowledged} lost with the old master, told by ${resets} resets; presence right after ${Math.round(presenceMs)} ms`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I14'],
      recoveryMs
    }
  }
}

export default row
