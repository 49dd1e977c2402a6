import assert from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultProxy } from '../proxy/fault-proxy.js'
import { blackHole } from '../proxy/manner.js'
import { untilReady } from '../rig/readiness.js'
import type { Rig } from '../rig/rig.js'
import type { FaultRow } from '../rig/row.js'
import { ANSWER_MS_MAX, talk } from '../rig/talk.js'

const ROUNDS = 3

/** One after the other in a random order, at random moments. */
async function inTurn(rig: Rig, proxies: readonly FaultProxy[], act: (proxy: FaultProxy) => void): Promise<void> {
  const left = [...proxies]
  while (left.length > 0) {
    const [proxy] = left.splice(rig.random.integer(0, left.length - 1), 1)
    await sleep(rig.random.integer(100, 3500))
    act(proxy as FaultProxy)
  }
}

const row: FaultRow = {
  number: 'F24',
  fault: 'The ways of three nodes to Redis are clogged in a random order, and opened in another',
  ci: false,
  async run(rig) {
    const { proxies, urls } = await rig.startCluster(3)
    const traffic = await rig.startTraffic(talk(urls, { subscribersPerRoom: 6, publishersPerRoom: 3 }))
    let recoveryMs = 0
    for (let round = 0; round < ROUNDS; round++) {
      await traffic.flow(100)
      await inTurn(rig, proxies, (proxy) => proxy.behave(blackHole))
      await inTurn(rig, proxies, (proxy) => proxy.pass())
      const recovered = await Promise.all(urls.map((url) => untilReady(url, true, 5000)))
      recoveryMs = Math.max(recoveryMs, ...recovered)
    }
    await traffic.flow(100)
    await traffic.stop()
    await traffic.untilPresenceIsRight(12_000)
    const { acknowledged, unknown, heard, slowestAnswerMs } = await traffic.check()
    assert.ok(slowestAnswerMs < ANSWER_MS_MAX, `I9: an answer took ${slowestAnswerMs} ms`)
    return {
      seen: `${ROUNDS} rounds; ${unknown} publishes tried again, all ${acknowledged} heard by everybody (${heard} deliveries), in one order`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I9', 'I14'],
      recoveryMs
    }
  }
}

export default row
