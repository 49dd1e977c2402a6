import assert from 'node:assert'
import type { FaultRow } from '../rig/row.js'
import { talk } from '../rig/talk.js'

const row: FaultRow = {
  number: 'F39',
  fault: 'Publishers on both nodes send into one room at once',
  ci: true,
  async run(rig) {
    const { urls } = await rig.startCluster(2)
    const busy = { rooms: ['a'], subscribersPerRoom: 6, publishersPerRoom: 10, perSecond: 100 }
    const traffic = await rig.startTraffic(talk(urls, busy))
    await traffic.flow(2000)
    await traffic.stop()
    const { acknowledged, heard, gaps, resets, unknown, repeated } = await traffic.check()
    assert.equal(heard, 6 * acknowledged)
    assert.deepEqual({ gaps, resets, unknown, repeated }, { gaps: 0, resets: 0, unknown: 0, repeated: 0 })
    return {
      seen: `${acknowledged} messages of 10 publishers have offsets 1 to ${acknowledged}; 6 members on both nodes heard them in that one order`,
      held: ['I1', 'I2', 'I3', 'I4', 'I9']
    }
  }
}

export default row
