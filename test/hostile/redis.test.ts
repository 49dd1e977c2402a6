import { randomBytes, randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { Keys } from '../../src/store/redis/keys.js'
import { bystander } from '../store/redis-harness.js'
import type { LiveClient } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { processFaults } from './process-faults.js'
import { Relay } from './relay.js'

t.setTimeout(180_000)

const CHANNEL = 'room:r'
const redisServer = await startRedis(t)

async function startNode(t: Test, url = redisServer.url) {
  const prefix = `test-${randomUUID().slice(0, 8)}`
  const keys = new Keys(prefix)
  const redis = await bystander(t, redisServer.url)
  const settings = { REDIS_URL: url, REDIS_PREFIX: prefix, LOG_LEVEL: 'fatal', RATE_LIMIT_PER_SECOND: 0 }
  const server = await startServer(t, settings)
  const malformed = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    return Number(/^roomcast_malformed_records_total (\d+)$/m.exec(text)?.[1])
  }
  return { prefix, keys, redis, server, malformed }
}

async function member(server: TestServer): Promise<LiveClient> {
  const client = await server.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  await client.next(({ action }) => action === 'user_joined')
  return client
}

async function publish({ url }: TestServer, content: unknown): Promise<number> {
  const { status, body } = await request(`${url}/rooms/r/messages`, { method: 'POST', body: { content } })
  return status === 201 ? body.offset : 0
}

interface Place {
  readonly epoch: string
  readonly next: number
}

/** Whatever may stand in the place of a record. */
function garbage({ epoch, next }: Place): Buffer[] {
  const texts = [
    '',
    '\n\n\n\n\n\n',
    'garbage',
    'm2\ne\n1\n1\nid\n\n{"a":1}',
    `m1\n${epoch}\n${next}\n1\nid\n\n`,
    `m1\n${epoch}\n${next}\n1\nid\n\n{"type":"chat_mess`,
    `m1\n${epoch}\n${next}\n1\nid\n\n"text"`,
    `m1\n${epoch}\n${next}\n1\nid\n\n{"type":"chat_message"}\n{"type":"chat_message"}`,
    `m1\n${epoch}\n9007199254740991\n1\nid\n\n{"type":"chat_message"}`,
    `m1\n${epoch}\n-1\n1\nid\n\n{"type":"chat_message"}`,
    `m1\nanother\n${next}\n1\nid\n\n{"type":"chat_message"}`,
    'b1\n',
    'b1\n\u0000\u0000\u0000\u0001',
    `b1\n\u0000\u0000\u0000\u000fm1\n${epoch}\n1\n1`,
    's1',
    's1\n\n',
    's1\n\ngarbage',
    's1\n\nr',
    's1\n\nr{"type":',
    's1\n\nrgarbage\n{"type":"signal"}',
    's1\n\np{"users":-1}',
    's1\n\np{"users":1,"joined":1,"left":0,"moves":[{"action":"user_joined"}]}',
    's1\n\npnull',
    's1\n\n{}',
    's1\n\nnull',
    's1\n\n{"sessionId":5,"generation":{}}',
    `s1\n${'x,'.repeat(10_000)}\n{"type":`
  ]
  const bytes = [
    Buffer.from([0x62, 0x31, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x6d, 0x31]),
    Buffer.concat([Buffer.from(`m1\n${epoch}\n${next}\n1\nid\n\n{"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    Buffer.concat([Buffer.from('s1\n\nr{"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    Buffer.alloc(1_000_000, 255)
  ]
  return [...texts.map((text) => Buffer.from(text)), ...bytes, ...Array.from({ length: 50 }, () => randomBytes(64))]
}

t.test('garbage in any topic is passed over and counted, and nobody hears anything of it', async (t) => {
  const faults = processFaults(t)
  const { prefix, keys, redis, server, malformed } = await startNode(t)
  const alice = await member(server)
  const next = (await publish(server, 'before')) + 1
  await alice.next(({ content }) => content === 'before')
  const heardBefore = alice.messages.length
  const epoch = (await redis.hget(keys.meta(CHANNEL), 'epoch')) ?? ''
  const topics = (await redis.pubsub('CHANNELS', `${prefix}:*`)) as string[]
  for (const own of [CHANNEL, 'broadcast:', 'control:', 'user:alice']) t.ok(topics.includes(keys.topic(own)), own)
  const before = await malformed()
  for (const topic of topics) for (const bytes of garbage({ epoch, next })) await redis.publish(topic, bytes)
  t.equal(await publish(server, 'after'), next)
  await alice.next(({ content }) => content === 'after')
  t.strictSame(
    alice.messages.slice(heardBefore).map(({ type, offset }) => [type, offset]),
    [['chat_message', next]]
  )
  t.ok((await malformed()) - before > 100, `${(await malformed()) - before}`)
  t.strictSame(faults, [])
})

/** Puts an entry into the log in the place of a message. */
async function store(redis: Redis, { keys, top }: { keys: Keys; top: number }, record: Buffer): Promise<void> {
  await redis.xadd(keys.log(CHANNEL), `${top}-${Date.now()}`, 'r', record)
  await redis.hset(keys.meta(CHANNEL), 'offset', top)
}

t.test(
  'a message of the log that cannot be read is told as a gap, to those who listen and those who come',
  async (t) => {
    const faults = processFaults(t)
    const { keys, redis, server, malformed } = await startNode(t)
    const alice = await member(server)
    let top = await publish(server, 'first')
    await alice.next(({ content }) => content === 'first')
    const epoch = (await redis.hget(keys.meta(CHANNEL), 'epoch')) ?? ''
    const records = garbage({ epoch, next: 2 }).slice(0, 8)
    const broken: number[] = []
    for (const record of records) {
      broken.push(++top)
      await store(redis, { keys, top }, record)
      const content = `after ${top}`
      top = await publish(server, content)
      const gap = await alice.next(({ action }) => action === 'gap')
      t.match(gap, { room: 'r', epoch, from: top - 1, to: top - 1 })
      await alice.next((message) => message.content === content)
    }
    const offsets = alice.messages.flatMap(({ type, offset }) => (type === 'chat_message' ? [offset] : []))
    t.strictSame(offsets, [1, ...broken.map((offset) => offset + 1)])

    const { body } = await request(`${server.url}/rooms/r/history`)
    t.strictSame(
      body.messages.map(({ offset }: { offset: number }) => offset),
      offsets
    )
    const bob = await server.connect('/ws?user_id=bob')
    t.match(await bob.ask({ type: 'join_room', room: 'r', since: { epoch, offset: 1 } }), {
      recovered: 'gap',
      gap: { from: 2, to: 2 }
    })
    await bob.next(({ type, offset }) => type === 'chat_message' && offset === top)
    const told = bob.messages.flatMap(({ type, action, offset, from }) => {
      if (type === 'chat_message') return [offset]
      return action === 'gap' ? [from] : []
    })
    t.strictSame(
      [2, ...told],
      Array.from({ length: top - 1 }, (_, index) => index + 2)
    )
    t.ok((await malformed()) > records.length)
    t.strictSame(faults, [])
  }
)

t.test('where the end of the log is gone, what is gone is told as a gap', async (t) => {
  const { keys, redis, server } = await startNode(t)
  const alice = await member(server)
  await publish(server, 'first')
  await alice.next(({ content }) => content === 'first')
  const epoch = (await redis.hget(keys.meta(CHANNEL), 'epoch')) ?? ''
  await redis.hset(keys.meta(CHANNEL), 'offset', 3)
  t.equal(await publish(server, 'fourth'), 4)
  t.match(await alice.next(({ action }) => action === 'gap'), { epoch, from: 2, to: 3 })
  await alice.next(({ content }) => content === 'fourth')
})

t.test('a receipt that cannot be read pushes no answer out of its place', async (t) => {
  const { keys, redis, server } = await startNode(t)
  for (const receipt of ['a', 'a b c', 'a b c d e f g']) {
    await redis.set(keys.receipt(CHANNEL, 'spoiled'), receipt)
    const items = ['spoiled', undefined].map((message_id) => ({ room: 'r', content: receipt, message_id }))
    const { body } = await request(`${server.url}/publish`, { method: 'POST', body: { items } })
    for (const result of body.results) t.match(result, { code: 'store_unavailable' }, receipt)
  }
  await redis.del(keys.receipt(CHANNEL, 'spoiled'))
  t.ok((await publish(server, 'end')) > 0)
})

t.test('a cursor that cannot be read is as good as none, and is written anew', async (t) => {
  const { keys, redis, server } = await startNode(t)
  const letter = { method: 'POST', body: { content: 'letter' } }
  await request(`${server.url}/users/alice/messages`, letter)
  for (const cursor of ['garbage', ':1', 'e:-1', 'e:99999999999999999999', '{}']) {
    await redis.hset(keys.deviceCursors('alice', 'default'), 'user:alice', cursor)
    const alice = await server.connect('/ws?user_id=alice')
    t.match(await alice.next(({ type }) => type === 'direct_message'), { content: 'letter', offset: 1 }, cursor)
    t.match(await alice.ask({ type: 'inbox_ack', offset: 1 }), { offset: 1 }, cursor)
    t.match(await redis.hget(keys.deviceCursors('alice', 'default'), 'user:alice'), /^.+:1$/)
    alice.terminate()
  }
})

t.test('a top that cannot be read is nobody told', async (t) => {
  const { keys, redis, server } = await startNode(t)
  await publish(server, 'first')
  const alice = await server.connect('/ws?user_id=alice')
  for (const offset of ['garbage', '-1', '1e999']) {
    await redis.hset(keys.meta(CHANNEL), 'offset', offset)
    t.match(await alice.ask({ type: 'join_room', room: 'r' }), { type: 'error', code: 'store_unavailable' }, offset)
  }
  await redis.hset(keys.meta(CHANNEL), 'offset', '1')
  t.match(await alice.ask({ type: 'join_room', room: 'r' }), { type: 'ack', offset: 1 })
})

const noAnswers: Record<string, Buffer> = {
  'random bytes': Buffer.concat([Buffer.from('?'), randomBytes(1000)]),
  'more elements than an array may have': Buffer.from('*99999999999\r\n'),
  'a null that nobody asked for': Buffer.from('$-5\r\n')
}

t.test('bytes that are no answer, or none to anything, cost the connection, and the node comes back', async (t) => {
  const faults = processFaults(t)
  const relay = await Relay.to(t, redisServer.port)
  const { server } = await startNode(t, redisServer.url.replace(`:${redisServer.port}`, `:${relay.port}`))
  const alice = await member(server)
  for (const [title, bytes] of Object.entries(noAnswers)) {
    const before = relay.opened
    relay.slipIn(bytes)
    await until(() => relay.opened > before)
    await until(async () => (await request(`${server.url}/health/ready`)).status === 200)
    await until(async () => (await publish(server, title)) > 0)
    await alice.next(({ content }) => content === title)
  }
  t.strictSame(faults, [])
})
