import assert from 'node:assert'
import { assertCounted } from '../rig/metrics.js'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'
import { ANSWER_MS_MAX, talk } from '../rig/talk.js'

const row: FaultRow = {
  number: 'F1',
  fault: 'Redis is killed while messages go out, and starts empty',
  ci: true,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(2)
    const traffic = await rig.startTraffic(talk(urls))
    await traffic.flow(100)
    await redis.kill()
    const noticed = await Promise.all(urls.map((url) => untilReady(url, false, 2000)))
    await redis.restart()
    const recovered = await Promise.all(urls.map((url) => untilReady(url, true, 5000)))
    await traffic.flow(100)
    await traffic.stop()
    await traffic.untilPresenceIsRight(10_000)
    const { lost, resets, acknowledged, slowestAnswerMs, comebacks, departures } = await traffic.check({
      mayLose: 'rolled back'
    })
    assert.ok(lost >= 100 && resets >= 8, `I1: ${lost} lost and ${resets} resets`)
    assert.deepEqual({ comebacks, departures }, { comebacks: 0, departures: 0 }, 'connections stay, and nobody leaves')
    assert.ok(slowestAnswerMs < ANSWER_MS_MAX, `I9: an answer took ${slowestAnswerMs} ms`)
    await assertCounted(urls, 'roomcast_losses_total{told="reset"}')
    await assertCounted(urls, 'roomcast_store_outages_total')
    return {
      seen:
        `not ready after ${Math.round(Math.max(...noticed))} ms; ` +
        `${lost} of ${acknowledged} went with Redis, and all 8 members were told by \`reset\``,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I12', 'I13', 'I14'],
      recoveryMs: Math.max(...recovered)
    }
  }
}

export default row
