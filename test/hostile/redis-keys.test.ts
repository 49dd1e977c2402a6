import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { bystander, keysOf } from '../store/redis-harness.js'
import type { LiveClient } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { processFaults } from './process-faults.js'

t.setTimeout(180_000)

const WRONG = 'garbage'

/** Ways to spoil a key; each leaves it of a type or with values that nobody expects. */
const spoilers: Record<string, (redis: Redis, key: string, type: string) => Promise<unknown>> = {
  'another type': async (redis, key, type) => {
    await redis.del(key)
    return type === 'list' ? await redis.set(key, WRONG) : await redis.rpush(key, WRONG)
  },
  text: (redis, key, type) => fillWith(redis, { key, type, value: WRONG }),
  JSON: (redis, key, type) => fillWith(redis, { key, type, value: '{"start":5,"id":{}}' }),
  'a number below 0': (redis, key, type) => fillWith(redis, { key, type, value: '-1' })
}

/** The same type, with a value that nobody has written wherever there is one. */
async function fillWith(redis: Redis, { key, type, value }: { key: string; type: string; value: string }) {
  if (type === 'hash') for (const field of await redis.hkeys(key)) await redis.hset(key, field, value)
  if (type === 'zset') await redis.zadd(key, '+inf', value)
  if (type === 'set') await redis.sadd(key, value)
  if (type === 'string') await redis.set(key, value)
}

/** Looked at by tests of their own, or by nobody who asks. */
const notLooked = /:receipt:|:(meta|log):(node|broadcast|control):|:ingest|:pulse:/

const commands = [
  { type: 'join_room', room: 'r', last: 10 },
  { type: 'chat_message', room: 'r', content: 1, message_id: 'known' },
  { type: 'direct_message', to: 'alice', content: 1, message_id: 'known' },
  { type: 'group_message', group: 'g', content: 1 },
  { type: 'signal', room: 'r', content: 1 },
  { type: 'read_history', room: 'r' },
  { type: 'read_history', group: 'g' },
  { type: 'list_members', room: 'r' },
  { type: 'inbox_ack', offset: 1 },
  { type: 'leave_room', room: 'r' }
]
const routes = ['/rooms', '/rooms/r', '/rooms/r/members', '/rooms/r/history', '/users/alice', '/users/alice/inbox']
routes.push('/users/alice/groups', '/groups/g/members', '/groups/g/history', '/online', '/health/ready')

/** Everything that reads, once; each is answered somehow. */
async function askEverything(client: LiveClient, { url }: TestServer): Promise<void> {
  const ids = commands.map((command, index) => {
    const id = `command ${index}`
    client.send({ ...command, id })
    return id
  })
  const responses = routes.map((route) => request(`${url}${route}`))
  await Promise.all(responses)
  await until(
    () => ids.filter((id) => !client.messages.some((message) => message.id === id)),
    (left) => left.length === 0
  )
}

async function startNode(t: Test) {
  const redisServer = await startRedis(t)
  const prefix = `test-${randomUUID().slice(0, 8)}`
  const redis = await bystander(t, redisServer.url)
  const settings = { REDIS_URL: redisServer.url, REDIS_PREFIX: prefix, LOG_LEVEL: 'fatal', RATE_LIMIT_PER_SECOND: 0 }
  return { prefix, redis, server: await startServer(t, settings) } as const
}

t.test('whatever stands in a key, everything is answered, and all is well when it is gone', async (t) => {
  const faults = processFaults(t)
  const { prefix, redis, server } = await startNode(t)
  for (const user of ['alice', 'bob']) await request(`${server.url}/groups/g/members/${user}`, { method: 'PUT' })
  const bob = await server.connect('/ws?user_id=bob')
  const alice = await server.connect('/ws?user_id=alice')
  for (const client of [bob, alice]) await askEverything(client, server)
  await alice.ask({ type: 'join_room', room: 'r' })
  const { session_id } = alice.messages[0] ?? {}
  alice.terminate()
  const keys = (await keysOf(redis, prefix)).filter((name) => !notLooked.test(name))
  const ways = Object.entries(spoilers)
  t.ok(keys.length > 15, `${keys.length} keys`)
  for (const [index, key] of keys.entries()) {
    const [way, spoil] = ways[index % ways.length] as (typeof ways)[number]
    const original = await redis.dumpBuffer(key)
    // One that ends by itself has ended meanwhile.
    if (original === null) continue
    await spoil(redis, key, await redis.type(key))
    const title = `${key.slice(prefix.length)}: ${way}`
    const client = await server.connect('/ws?user_id=alice')
    const resumed = client.ask({ type: 'resume', session_id, resume_token: 'another' })
    await t.resolves(Promise.all([resumed, askEverything(client, server)]), title)
    client.terminate()
    await redis.restore(key, 0, original, 'REPLACE')
    t.strictSame(faults, [], title)
  }
  const carol = await server.connect('/ws?user_id=carol')
  await until(async () => (await carol.ask({ type: 'join_room', room: 'r' })).type === 'ack')
  await until(async () => (await carol.ask({ type: 'chat_message', room: 'r', content: 'end' })).type === 'ack')
  await carol.next(({ content }) => content === 'end')
})
