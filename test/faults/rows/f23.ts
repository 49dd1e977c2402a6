import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultProxy } from '../proxy/fault-proxy.js'
import { blackHole } from '../proxy/manner.js'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'
import { ANSWER_MS_MAX, talk } from '../rig/talk.js'

/** Longer than a lease: the others take the node for dead. */
const APART_MS = 14_000
/** What somebody on the healthy node waits for an answer at most. */
const HEALTHY_MS_MAX = 1000

const row: FaultRow = {
  number: 'F23',
  fault: 'One node is cut off from Redis for 14 s, the other is not',
  ci: false,
  async run(rig) {
    const { proxies, urls } = await rig.startCluster(2)
    const [well, ill] = urls as [string, string]
    const healthy = await rig.startTraffic(talk([well], { rooms: ['healthy'] }))
    const both = await rig.startTraffic(talk(urls))
    await both.flow(100)
    const heal = sleep(APART_MS)
    const proxy = proxies[1] as FaultProxy
    proxy.behave(blackHole)
    const noticedMs = await untilReady(ill, false, 2000)
    // The healthy node stays ready for as long as the other is not.
    await assert.rejects(untilReady(well, false, APART_MS - 4000), /still ready/)
    await heal
    proxy.pass()
    const recoveryMs = await untilReady(ill, true, 5000)
    await both.flow(100)
    await Promise.all([healthy.stop(), both.stop()])
    await both.untilPresenceIsRight(12_000)
    await healthy.untilPresenceIsRight(12_000, urls)
    const undisturbed = await healthy.check()
    assert.deepEqual({ unknown: undisturbed.unknown, comebacks: undisturbed.comebacks }, { unknown: 0, comebacks: 0 })
    assert.ok(undisturbed.slowestAnswerMs < HEALTHY_MS_MAX, `I8: an answer took ${undisturbed.slowestAnswerMs} ms`)
    const { acknowledged, unknown, slowestAnswerMs, comebacks } = await both.check()
    assert.equal(comebacks, 0, 'connections stay')
    assert.ok(slowestAnswerMs < ANSWER_MS_MAX, `I9: an answer took ${slowestAnswerMs} ms`)
    return {
      seen:
        `not ready after ${Math.round(noticedMs)} ms, the healthy node ready throughout and its slowest answer ` +
        `${Math.round(undisturbed.slowestAnswerMs)} ms; ${unknown} publishes to the other tried again, all ${acknowledged} heard`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I8', 'I9', 'I12', 'I14'],
      recoveryMs
    }
  }
}

export default row
