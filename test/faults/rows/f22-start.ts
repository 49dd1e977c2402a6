import assert from 'node:assert'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { request } from '../../support/server.js'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'

const row: FaultRow = {
  number: 'F22',
  fault: 'Redis is not there at the start',
  ci: true,
  async run(rig) {
    const redis = await rig.startRedis()
    await redis.kill()
    const node = await rig.startNode({ REDIS_URL: redis.url })
    const { status, body } = await request(`${node.url}/health/ready`)
    assert.deepEqual([status, body.reason], [503, 'Redis is not connected'])
    const message = { content: 1, message_id: 'one' }
    const publish = () => request(`${node.url}/rooms/r/messages`, { method: 'POST', body: message })
    const refused = await publish()
    assert.deepEqual([refused.status, refused.body.message_id], [503, 'one'])
    const handshake = new WebSocket(`${node.url.replace('http', 'ws')}/ws?user_id=a`)
    const [, { statusCode, headers }] = await once(handshake, 'unexpected-response')
    assert.deepEqual([statusCode, headers['retry-after']], [503, '1'])
    handshake.on('error', () => {}).terminate()
    await redis.restart()
    const recoveryMs = await untilReady(node.url, true, 5000)
    assert.equal((await publish()).status, 201)
    const client = await node.connect('/ws?user_id=a')
    assert.equal((await client.ask({ type: 'join_room', room: 'r' })).offset, 1)
    return {
      seen: 'listens, not ready, handshakes 503; ready when Redis came',
      held: ['I5', 'I9', 'I10', 'I12', 'I14'],
      recoveryMs
    }
  }
}

export default row
