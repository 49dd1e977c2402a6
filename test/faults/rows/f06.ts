import assert from 'node:assert'
import { bystander } from '../../store/redis-harness.js'
import { request } from '../../support/server.js'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'

const row: FaultRow = {
  number: 'F6',
  fault: 'Redis has no memory left for writes',
  ci: true,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(2)
    const admin = await bystander(rig.scope, redis.url.replace(/\/\/.*@/, '//'))
    const traffic = await rig.startTraffic({
      ...{ urls, rooms: ['a', 'b'], subscribersPerRoom: 4, publishersPerRoom: 2, perSecond: 20 }
    })
    await traffic.flow(100)
    await admin.config('SET', 'maxmemory', '1mb')
    const noticed = await Promise.all(urls.map((url) => untilReady(url, false, 2000)))
    const [url = ''] = urls
    const body = { content: 'too much', message_id: 'refused' }
    const refused = await request(`${url}/rooms/elsewhere/messages`, { method: 'POST', body })
    assert.equal(refused.status, 503)
    assert.equal(refused.body.code, 'store_unavailable')
    const { body: reason } = await request(`${url}/health/ready`)
    assert.equal(reason.reason, 'Redis is out of memory')
    await admin.config('SET', 'maxmemory', '0')
    const recovered = await Promise.all(urls.map((one) => untilReady(one, true, 5000)))
    const stored = await request(`${url}/rooms/elsewhere/messages`, { method: 'POST', body })
    assert.equal(stored.status, 201, 'nothing of the refused one was there')
    await traffic.flow(100)
    await traffic.stop()
    await traffic.check()
    return {
      seen: `not ready after ${Math.round(Math.max(...noticed))} ms; publishes refused, none half written`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I9', 'I10', 'I12', 'I14'],
      recoveryMs: Math.max(...recovered)
    }
  }
}

export default row
