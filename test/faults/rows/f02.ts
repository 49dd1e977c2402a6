import assert from 'node:assert'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'
import { ANSWER_MS_MAX, talk } from '../rig/talk.js'

const row: FaultRow = {
  number: 'F2',
  fault: 'Redis comes back with an older snapshot',
  ci: true,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(2)
    const traffic = await rig.startTraffic(talk(urls))
    await traffic.flow(100)
    await redis.save()
    await traffic.flow(100)
    await redis.kill()
    // Half of them meet the roll-back by coming back to it, the others where they are.
    for (const [index, member] of traffic.subscribers.entries()) if (index % 2 === 0) member.drop()
    await redis.restart()
    const recovered = await Promise.all(urls.map((url) => untilReady(url, true, 5000)))
    await traffic.flow(200)
    await traffic.stop()
    await traffic.untilPresenceIsRight(10_000)
    const { lost, resets, acknowledged, comebacks, slowestAnswerMs } = await traffic.check({ mayLose: 'rolled back' })
    assert.ok(lost > 0 && lost <= acknowledged - 300, `I1: ${lost} of ${acknowledged} lost`)
    assert.ok(resets > 0 && comebacks > 0, `I1: ${resets} resets, ${comebacks} came back`)
    assert.ok(slowestAnswerMs < ANSWER_MS_MAX, `I9: an answer took ${slowestAnswerMs} ms`)
    return {
      seen:
        `${lost} of ${acknowledged} rolled back; ${resets} \`reset\`s to those who stood there, ` +
        `${comebacks} came back in the middle of it; what was kept stayed good`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I14'],
      recoveryMs: Math.max(...recovered)
    }
  }
}

export default row
