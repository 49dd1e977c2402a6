import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { connectRedis, type RedisConnection, renew } from '../../src/store/redis/connections.js'
import { Keys } from '../../src/store/redis/keys.js'
import { RedisLink } from '../../src/store/redis/redis-link.js'
import { parseRedisUrl } from '../../src/store/redis/redis-url.js'
import { ManualClock } from '../support/manual-clock.js'
import { freePort, startRedis } from '../support/redis-server.js'
import { MASTER_NAME, startSentinel } from '../support/sentinels.js'
import { request, startServer } from '../support/server.js'
import { watchWrites } from '../support/socket-writes.js'
import { until } from '../support/until.js'
import { bystander, connect } from './redis-harness.js'

/** A Sentinel that takes connections and says nothing; its port. */
async function silentSentinel(t: Test): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

t.test('a connection that is being looked up is not ended by the wish for another', async (t) => {
  const { options } = parseRedisUrl(`redis+sentinel://127.0.0.1:${await silentSentinel(t)}/m`)
  const connection = new Redis({ ...options, lazyConnect: true }) as RedisConnection
  t.teardown(() => connection.disconnect())
  connection.on('error', () => {})
  connection.connect().catch(() => {})
  await until(() => connection.status === 'connecting')
  renew(connection)
  await once(connection, 'sentinelError')
  t.equal(connection.status, 'connecting', 'it goes on')
})

/** Why a server says that it is not ready, once it says what is wanted. */
async function untilNotReadyFor(t: Test, url: string, reason: string) {
  const server = await startServer(t, { REDIS_URL: url })
  const health = await until(
    async () => await request(`${server.url}/health/ready`),
    ({ body }) => body.reason === reason
  )
  t.equal(health.status, 503)
}

t.test('without a Sentinel that answers a server starts, is not ready, and says why', async (t) => {
  for (const port of [await silentSentinel(t), await freePort()]) {
    const url = `redis+sentinel://app:hunter2@127.0.0.1:${port}/m?sentinel_password=hunter2`
    await untilNotReadyFor(t, url, 'Sentinel does not answer')
  }
})

t.test('a master that no Sentinel knows, or a password that it refuses, is told as that', async (t) => {
  const { port } = await startRedis(t)
  const more = () => ['requirepass hunter2']
  const sentinel = await startSentinel(t, { masterPort: port, downAfterMs: 5000, quorum: 1, more })
  const place = `redis+sentinel://127.0.0.1:${sentinel}`
  await untilNotReadyFor(t, `${place}/another?sentinel_password=hunter2`, 'Sentinel does not know the master')
  await untilNotReadyFor(t, `${place}/${MASTER_NAME}?sentinel_password=wrong`, 'Sentinel refuses the credentials')
})

t.test('a database that Redis does not have is not answered with another', async (t) => {
  const { port } = await startRedis(t)
  await t.rejects(connectRedis(`redis://127.0.0.1:${port}/99`), { message: /cannot be reached.*index is out of range/ })
})

t.test('a master that was demoted is left, on every connection that it refuses to write', async (t) => {
  const server = await startRedis(t)
  const admin = await bystander(t, server.url)
  const { commands, lease } = await connect(t, server.url)
  await admin.replicaof('127.0.0.1', 9)
  for (const connection of [commands, lease]) {
    const again = new Promise((resolve) => connection.once('ready', resolve))
    await t.rejects(connection.set('roomcast:x', '1'), /READONLY/)
    await again
    await t.rejects(connection.eval("return redis.call('SET', KEYS[1], '1')", 1, 'roomcast:x'), /READONLY/)
    await until(() => connection.status !== 'ready')
    await until(() => connection.status === 'ready')
  }
})

t.test('what is asked in one turn of the event loop leaves in one write, and is answered in its order', async (t) => {
  const { url } = await startRedis(t)
  const connections = await connect(t, url)
  const clock = new ManualClock()
  const link = new RedisLink({ connections, keys: new Keys('roomcast'), clock, nodeId: 'n' })
  t.teardown(() => link.close())
  const writes = watchWrites(connections.commands.stream)
  const { commands } = link.guarded
  const asked = Array.from({ length: 100 }, (_, number) => commands.set(`roomcast:${number}`, number, 'GET'))
  t.equal(writes.length, 0)
  await Promise.all(asked)
  t.equal(writes.length, 1)
  t.equal(await commands.get('roomcast:99'), '99')
  t.equal(writes.length, 2, 'one that is alone does not wait for others')
})
