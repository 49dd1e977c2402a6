import { randomUUID } from 'node:crypto'
import t from 'tap'
import { startRedis } from '../support/redis-server.js'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'

/** Whoever was sent into exile by the test comes back: Redis refuses every connection for a while. */
async function cut(port: number, whileAway: () => Promise<unknown>): Promise<void> {
  const { Redis } = await import('ioredis')
  const redis = new Redis(port, '127.0.0.1')
  await redis.config('SET', 'maxclients', '1')
  await redis.call('CLIENT', 'KILL', 'SKIPME', 'yes')
  await whileAway()
  await redis.config('SET', 'maxclients', '10000')
  redis.disconnect()
}

t.test('who came and went while Redis was away is right afterwards, in rooms and among the users', async (t) => {
  const { url, port } = await startRedis(t)
  const server = await startServer(t, { REDIS_URL: url, REDIS_PREFIX: randomUUID() })
  const stay = await server.connect('/ws?user_id=stay')
  await stay.ask({ type: 'join_room', room: 'r' })
  const leave = await server.connect('/ws?user_id=leave')
  await leave.ask({ type: 'join_room', room: 'r' })
  await cut(port, async () => {
    await until(async () => (await request(`${server.url}/health/ready`)).status === 503)
    leave.terminate()
    await server.connect('/ws?user_id=come')
    await until(async () => (await request(`${server.url}/stats`)).body.connection_count === 2)
  })
  await until(async () => (await request(`${server.url}/health/ready`)).status === 200)
  const { body } = await until(
    () => request(`${server.url}/rooms/r/online`),
    ({ body }) => body.connections === 1
  )
  t.match(body, { online_count: 1, connections: 1 })
  const users = { user_ids: ['stay', 'leave', 'come'] }
  await until(
    async () => (await request(`${server.url}/users/online`, { method: 'POST', body: users })).body.online,
    (online) => online?.come === true && online.stay === true && online.leave === false
  )
  t.match(await stay.ask({ type: 'chat_message', room: 'r', content: 1 }), { type: 'ack', offset: 1 })
})

t.test('after Redis lost everything the members are there again, however its connections came back', async (t) => {
  const { url, port } = await startRedis(t)
  const server = await startServer(t, { REDIS_URL: url, REDIS_PREFIX: randomUUID() })
  const members = await Promise.all(['a', 'b', 'c'].map((user) => server.connect(`/ws?user_id=${user}`)))
  for (const member of members) await member.ask({ type: 'join_room', room: 'r' })
  for (let round = 0; round < 3; round++) {
    const { Redis } = await import('ioredis')
    const redis = new Redis(port, '127.0.0.1')
    await redis.flushall()
    redis.disconnect()
    await until(async () => (await request(`${server.url}/rooms/r/online`)).body.online_count === 3)
  }
  t.match((await request(`${server.url}/online`)).body, { users: 3 })
})

t.test('a message that a cut subscriber missed is there within seconds', async (t) => {
  const { url, port } = await startRedis(t)
  const settings = { REDIS_URL: url, REDIS_PREFIX: randomUUID() }
  const [here, there] = [await startServer(t, settings), await startServer(t, settings)]
  const member = await here.connect('/ws?user_id=a')
  await member.ask({ type: 'join_room', room: 'r' })
  const { Redis } = await import('ioredis')
  const redis = new Redis(port, '127.0.0.1')
  t.teardown(() => redis.disconnect())
  for (let n = 1; n <= 20; n++) {
    if (n % 5 === 0) await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await request(`${there.url}/rooms/r/messages`, { method: 'POST', body: { content: n } })
  }
  const heard = () => member.messages.filter(({ type }) => type === 'chat_message').map(({ content }) => content)
  await until(() => heard().length === 20, Boolean, 8000)
  t.strictSame(
    heard(),
    Array.from({ length: 20 }, (_, index) => index + 1)
  )
})
