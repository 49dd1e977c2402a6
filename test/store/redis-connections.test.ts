import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { connectRedis, RedisConnectError, type RedisConnection, renew } from '../../src/store/redis/connections.js'
import { parseRedisUrl } from '../../src/store/redis/redis-url.js'
import { freePort, startRedis } from '../support/redis-server.js'
import { until } from '../support/until.js'

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

t.test('a start without a Sentinel that answers ends in time with one line', async (t) => {
  for (const port of [await silentSentinel(t), await freePort()]) {
    const url = `redis+sentinel://app:hunter2@127.0.0.1:${port}/m?sentinel_password=hunter2`
    const begun = performance.now()
    await t.rejects(connectRedis(url), { constructor: RedisConnectError, message: /^REDIS_URL (?!.*hunter2)[^\n]*$/ })
    t.ok(performance.now() - begun < 10_000, 'in time')
  }
})

t.test('a database that Redis does not have is not answered with another', async (t) => {
  const { port } = await startRedis(t)
  await t.rejects(connectRedis(`redis://127.0.0.1:${port}/99`), { message: /cannot be reached.*index is out of range/ })
})
