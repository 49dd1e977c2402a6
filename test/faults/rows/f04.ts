import assert from 'node:assert'
import { Keys } from '../../../src/store/redis/keys.js'
import { bystander } from '../../store/redis-harness.js'
import { PREFIX } from '../rig/rig.js'
import type { FaultRow } from '../rig/row.js'
import { talk } from '../rig/talk.js'

const row: FaultRow = {
  number: 'F4',
  fault: 'The meta key of a room vanishes, its log stays',
  ci: true,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(2)
    const behind = await bystander(rig.scope, redis.url)
    const traffic = await rig.startTraffic(talk(urls))
    await traffic.flow(100)
    for (const [index, member] of traffic.subscribers.entries()) if (index % 2 === 0) member.drop()
    await behind.del(new Keys(PREFIX).meta('room:a'))
    await traffic.flow(100)
    await traffic.stop()
    const { lost, resets } = await traffic.check({ mayLose: 'rolled back' })
    assert.ok(lost > 0 && resets >= 4, `I1: ${lost} lost and ${resets} resets`)
    return {
      seen: `a new epoch begins at offset 1; ${lost} of the old one are void, told by ${resets} \`reset\`s; the other room felt nothing`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I9']
    }
  }
}

export default row
