import assert from 'node:assert'
import { bystander } from '../../store/redis-harness.js'
import { request } from '../../support/server.js'
import { until } from '../../support/until.js'
import { untilReady } from '../rig/readiness.js'
import type { FaultRow } from '../rig/row.js'

const row: FaultRow = {
  number: 'F17',
  fault: 'Redis takes no connections, and then not every command',
  ci: true,
  async run(rig) {
    const redis = await rig.startRedis()
    const admin = await bystander(rig.scope, redis.url.replace(/\/\/.*@/, '//'))
    await admin.call('ACL', 'SETUSER', 'node', 'on', '>pw', '~*', '&*', '+@all')
    const node = await rig.startNode({ REDIS_URL: redis.url.replace(/\/\/.*@/, '//').replace('//', '//node:pw@') })
    const { url } = node
    const client = await node.connect('/ws?user_id=a')
    await client.ask({ type: 'join_room', room: 'r' })
    const reasonIs = async (wanted: string) => {
      await untilReady(url, false, 2000)
      await until(async () => (await request(`${url}/health/ready`)).body.reason === wanted, Boolean, 5000)
    }

    await admin.config('SET', 'maxclients', '1')
    await admin.call('CLIENT', 'KILL', 'SKIPME', 'yes')
    await reasonIs('Redis is not connected')
    await admin.config('SET', 'maxclients', '10000')
    const afterClients = await untilReady(url, true, 5000)

    await admin.call('ACL', 'SETUSER', 'node', '-set', '-zadd')
    await reasonIs('Redis does not allow a command or a key')
    await admin.call('ACL', 'SETUSER', 'node', '+@all')
    const afterRights = await untilReady(url, true, 5000)

    await admin.call('ACL', 'SETUSER', 'node', 'resetpass', '>other')
    await admin.call('CLIENT', 'KILL', 'USER', 'node')
    await reasonIs('Redis refuses the credentials')
    const refused = await client.ask({ type: 'chat_message', room: 'r', content: 1 })
    assert.equal(refused.code, 'store_unavailable')
    await admin.call('ACL', 'SETUSER', 'node', '>pw')
    const afterPassword = await untilReady(url, true, 5000)

    const stored = await client.ask({ type: 'chat_message', room: 'r', content: 1, message_id: refused.message_id })
    assert.equal(stored.type, 'ack')
    assert.doesNotMatch(node.output(), /pw|other/, 'no credentials in the log')
    return {
      seen: 'not ready with a reason of its own for each; the connection stayed',
      held: ['I5', 'I9', 'I10', 'I12', 'I14'],
      recoveryMs: Math.max(afterClients, afterRights, afterPassword)
    }
  }
}

export default row
