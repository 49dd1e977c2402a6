import assert from 'node:assert'
import { bystander } from '../../store/redis-harness.js'
import type { Message } from '../../support/live-client.js'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'
import type { FaultRow } from '../rig/row.js'
import { RawClient } from '../support/raw-client.js'

/** More than the sockets on the way take. */
const BATCHES = 12
const BATCH = 50
const CONTENT = 'x'.repeat(60_000)
/** Long before the next look at the tops has to find it. */
const RECOVERY_MS = 8000
const LIVE_MS = 2000

const row: FaultRow = {
  number: 'F12',
  fault: 'A node stands still, and Redis cuts its subscription for what waits there',
  ci: false,
  async run(rig) {
    // Without a proxy between: it would take in what is to wait in Redis.
    const redis = await rig.startRedis()
    const [still, other] = [
      await rig.startNode({ REDIS_URL: redis.url }),
      await rig.startNode({ REDIS_URL: redis.url })
    ] as const
    const urls = [still.url, other.url]
    const admin = await bystander(rig.scope, redis.url)
    await admin.config('SET', 'client-output-buffer-limit', 'pubsub 1mb 512kb 5')
    const traffic = await rig.startTraffic({
      ...{ urls, rooms: ['a', 'b'], subscribersPerRoom: 4, publishersPerRoom: 2, perSecond: 10 }
    })
    const heard: number[] = []
    const member = await RawClient.connect(rig.scope, `${still.url.replace('http', 'ws')}/ws?user_id=m`, (push) => {
      if (push.type === 'chat_message') heard.push(push.offset)
    })
    await member.ask({ type: 'join_room', room: 'flood' })

    still.process.kill('SIGSTOP')
    const items = Array.from({ length: BATCH }, () => ({ room: 'flood', content: CONTENT }))
    const offsets: number[] = []
    for (let batch = 0; batch < BATCHES; batch++) {
      const { body } = await request(`${other.url}/publish`, { method: 'POST', body: { items } })
      offsets.push(...body.results.map(({ offset }: Message) => offset))
    }
    const subscribers = async () => ((await admin.client('LIST')) as string).match(/name=roomcast-subscriber /g)?.length
    await until(subscribers, (count) => count === 1)
    const begun = performance.now()
    still.process.kill('SIGCONT')
    await until(() => heard.length >= offsets.length)
    const recoveryMs = performance.now() - begun
    assert.ok(recoveryMs < RECOVERY_MS, `I14: everything was heard after ${Math.round(recoveryMs)} ms`)
    await request(`${other.url}/rooms/flood/messages`, { method: 'POST', body: { content: 'live' } })
    await until(() => heard.length > offsets.length, Boolean, LIVE_MS)
    assert.deepEqual(heard.slice(0, -1), offsets, 'I1 I2: everything is heard, once and in order')
    await traffic.stop()
    await traffic.untilPresenceIsRight(10_000)
    const { comebacks } = await traffic.check()
    return {
      seen: `${Math.round((offsets.length * CONTENT.length) / 1e6)} MB went out while it stood still; ${comebacks} members had to come back`,
      held: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I9', 'I14'],
      recoveryMs
    }
  }
}

export default row
