import assert from 'node:assert'
import { until } from '../../support/until.js'
import type { FaultProxy } from '../proxy/fault-proxy.js'
import { isPubSubMessage } from '../proxy/resp-frames.js'
import { readMetric } from '../rig/metrics.js'
import type { FaultRow } from '../rig/row.js'
import { talk } from '../rig/talk.js'

/** The node asks its own channel every 5 s; two silences are enough, and some for the way. */
const NOTICED_MS = 20_000

const row: FaultRow = {
  number: 'F11',
  fault: 'A subscription is deaf while its connection answers',
  ci: false,
  async run(rig) {
    const { proxies, urls } = await rig.startCluster(2)
    const proxy = proxies[1] as FaultProxy
    const traffic = await rig.startTraffic(talk(urls))
    await traffic.flow(100)
    const [deaf] = proxy.linksOf('roomcast-subscriber')
    assert.ok(deaf !== undefined, 'the subscription of the second node')
    const deafAt = performance.now()
    deaf.behave({ down: { swallow: isPubSubMessage } })
    await until(() => !deaf.open, Boolean, NOTICED_MS).catch(() => {
      throw new assert.AssertionError({ message: `I14: not noticed after ${NOTICED_MS} ms` })
    })
    const noticedMs = performance.now() - deafAt
    await until(() => proxy.linksOf('roomcast-subscriber').length === 1)
    await traffic.flow(100)
    await traffic.stop()
    const { acknowledged, heard, comebacks, gaps, resets } = await traffic.check()
    assert.equal(heard, 4 * acknowledged, 'I1: everybody heard everything')
    assert.deepEqual({ comebacks, gaps, resets }, { comebacks: 0, gaps: 0, resets: 0 })
    assert.equal(await readMetric(urls[1] as string, 'roomcast_deaf_subscriptions_total'), 1, 'I13')
    return {
      seen: `a new subscription after ${(noticedMs / 1000).toFixed(1)} s; all members heard all ${acknowledged}, in order`,
      held: ['I1', 'I2', 'I3', 'I4', 'I9', 'I13', 'I14'],
      recoveryMs: noticedMs
    }
  }
}

export default row
