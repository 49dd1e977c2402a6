import assert from 'node:assert'
import { bystander } from '../../store/redis-harness.js'
import { request } from '../../support/server.js'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'

/** Longer than it takes Redis to answer others that it is busy. */
const BLOCKED_MS = 7000

const row: FaultRow = {
  number: 'F16',
  fault: 'a slow script holds Redis up for seven seconds',
  ci: true,
  async run(rig) {
    const { redis, urls } = await rig.startCluster(2)
    const admin = await bystander(rig.scope, redis.url.replace(/\/\/.*@/, '//'))
    const traffic = await rig.startTraffic({
      ...{ urls, rooms: ['a', 'b'], subscribersPerRoom: 4, publishersPerRoom: 2, perSecond: 20 }
    })
    await traffic.flow(100)
    const script = `local t = redis.call('TIME') repeat local n = redis.call('TIME') until (n[1] - t[1]) * 1000 + (n[2] - t[2]) / 1000 > ${BLOCKED_MS}`
    const blocked = admin.eval(script, 0)
    const noticed = await Promise.all(urls.map((url) => untilReady(url, false, 2000)))
    const begun = performance.now()
    const body = { content: 1, message_id: 'while busy' }
    const refused = await request(`${urls[0]}/rooms/a/messages`, { method: 'POST', body })
    assert.equal(refused.body.code, 'store_unavailable')
    assert.ok(performance.now() - begun < 3000, 'I9: answered in time')
    await blocked
    const recovered = await Promise.all(urls.map((url) => untilReady(url, true, 5000)))
    await traffic.flow(100)
    await traffic.stop()
    await traffic.check()
    return {
      seen: `not ready after ${Math.round(Math.max(...noticed))} ms, refused at once until Redis went on`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I9', 'I12', 'I14'],
      recoveryMs: Math.max(...recovered)
    }
  }
}

export default row
