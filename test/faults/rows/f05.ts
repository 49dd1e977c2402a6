import assert from 'node:assert'
import { Keys } from '../../../src/store/redis/keys.js'
import { bystander } from '../../store/redis-harness.js'
import { PREFIX } from '../rig/rig.js'
import type { FaultRow } from '../rig/row.js'
import { talk } from '../rig/talk.js'

const row: FaultRow = {
  number: 'F5',
  fault: 'The log of a room vanishes, its meta key stays',
  ci: true,
  async run(rig) {
    const { redis, nodes, urls } = await rig.startCluster(2)
    const behind = await bystander(rig.scope, redis.url)
    const away = await nodes[0]?.connect('/ws?user_id=away')
    assert.ok(away !== undefined)
    const { epoch, offset } = await away.ask({ type: 'join_room', room: 'a' })
    await away.ask({ type: 'leave_room', room: 'a' })
    const traffic = await rig.startTraffic(talk(urls))
    await traffic.flow(100)
    await behind.del(new Keys(PREFIX).log('room:a'))
    await traffic.flow(100)
    await traffic.stop()
    const back = await away.ask({ type: 'join_room', room: 'a', since: { epoch, offset } })
    assert.equal(back.recovered, 'gap', 'I1: who was behind is told')
    assert.equal(back.gap.from, offset + 1)
    await away.ask({ type: 'leave_room', room: 'a' })
    const { lost, heard, acknowledged, resets } = await traffic.check({ mayLose: 'trimmed' })
    assert.ok(lost > 0, 'the log was there')
    assert.equal(resets, 0, 'the epoch stays')
    assert.equal(heard, 4 * acknowledged, 'I1: who was at the top missed nothing')
    return {
      seen: `${lost} messages are gone; all members at the top heard all ${acknowledged}, one who was behind is told \`gap\``,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I9']
    }
  }
}

export default row
