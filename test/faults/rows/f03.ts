import assert from 'node:assert'
import { bystander } from '../../store/redis-harness.js'
import type { FaultRow } from '../rig/row.js'
import { ANSWER_MS_MAX, talk } from '../rig/talk.js'

const row: FaultRow = {
  number: 'F3',
  fault: '`FLUSHALL` while everybody stays connected',
  ci: true,
  async run(rig) {
    const { redis, nodes, urls } = await rig.startCluster(2)
    const traffic = await rig.startTraffic(talk(urls))
    // Nobody will ever write to this room again: its member is told all the same.
    const [node] = nodes
    const quiet = await node?.connect('/ws?user_id=quiet')
    assert.ok(quiet !== undefined)
    await quiet.ask({ type: 'join_room', room: 'quiet' })
    await quiet.ask({ type: 'chat_message', room: 'quiet', content: 1 })
    await traffic.flow(100)
    const flushedAt = performance.now()
    await (await bystander(rig.scope, redis.url)).flushall()
    await quiet.next(({ action, room }) => action === 'reset' && room === 'quiet')
    const toldMs = performance.now() - flushedAt
    await traffic.flow(100)
    await traffic.stop()
    await traffic.untilPresenceIsRight(10_000)
    const { lost, resets, comebacks, departures, slowestAnswerMs } = await traffic.check({ mayLose: 'rolled back' })
    assert.ok(lost >= 100 && resets >= 8, `I1: ${lost} lost and ${resets} resets`)
    assert.deepEqual({ comebacks, departures }, { comebacks: 0, departures: 0 }, 'connections stay, and nobody leaves')
    assert.ok(toldMs < 25_000, `I14: a quiet room was told after ${toldMs} ms`)
    assert.ok(slowestAnswerMs < ANSWER_MS_MAX, `I9: an answer took ${slowestAnswerMs} ms`)
    return {
      seen: `all 8 members of busy rooms were told by \`reset\`, nobody had to come back; a silent room was told after ${(toldMs / 1000).toFixed(1)} s`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I14'],
      recoveryMs: toldMs
    }
  }
}

export default row
