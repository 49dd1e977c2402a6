import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import t from 'tap'
import { startRedis } from '../support/redis-server.js'
import { DAY_MS, fill, freshChannel, offsetsOf, post, roomy, span, until } from './hearing.js'
import { bystander, keysOf, startedStreams } from './redis-harness.js'

const server = await startRedis(t)

async function opened(t: Parameters<typeof startedStreams>[0]) {
  const prefix = randomUUID()
  const node = await startedStreams(t, server.url, prefix)
  return { ...node, prefix, redis: await bystander(t, server.url) }
}

t.test('all keys of a channel stand under one hash tag, and no id comes into it', async (t) => {
  const { streams, redis, prefix, keys } = await opened(t)
  for (const name of ['lobby', '{a}b', '}{', '{}', '聊天 室/1', '*']) {
    const channel = `room:${name}`
    await post(streams, channel, 'hi', { messageId: `{${name}}` })
    const found = (await keysOf(redis, prefix)).filter((key) => key.includes(channel))
    t.equal(found.length, 3, `meta, log and receipt of ${name}`)
    // Redis Cluster goes by what stands within the first braces.
    const tags = [...found, keys.topic(channel)].map((key) => /^[^{]*\{([^}]*)\}/.exec(key)?.[1])
    t.equal(new Set(tags).size, 1, `one slot for ${name}`)
    t.match(tags[0], /^\d{1,3}$/)
    for (const key of found) t.match(key.slice(prefix.length), /^:\{\d{1,3}\}:/)
  }
})

t.test('every key that streams leave behind ends by itself, and none before its time', async (t) => {
  const { streams, redis, prefix, keys } = await opened(t)
  const [published, kept, subscribed, seen, unkept] = Array.from({ length: 5 }, freshChannel) as [string, ...string[]]
  const retention = { size: 10, ttlMs: 3_600_000 }
  await post(streams, published, 'hi', { retention, idempotencyMs: 60_000, messageId: 'mine' })
  await post(streams, kept as string, 'hi', { retention })
  await streams.tops([kept as string, seen as string])
  await streams.subscribe([subscribed as string])
  await post(streams, unkept as string, 'hi', { retention: { ...roomy, size: 0 } })
  await streams.signal(freshChannel(), Buffer.from('hi'))
  await streams.read(published, { limit: 10 })
  const names = await keysOf(redis, prefix)
  t.ok(names.length >= 10)
  for (const name of names) t.ok((await redis.pttl(name)) > 0, name)
  const near = async (key: string, expected: number) => {
    const ttl = await redis.pttl(key)
    t.ok(ttl <= expected && ttl > expected - 30_000, `${key} lives for ${expected} ms (${ttl})`)
  }
  await near(keys.log(published), retention.ttlMs)
  await near(keys.meta(published), retention.ttlMs + DAY_MS)
  await near(keys.meta(kept as string), retention.ttlMs + DAY_MS)
  await near(keys.meta(subscribed as string), DAY_MS)
  await near(keys.receipt(published, 'mine'), 60_000)
})

async function callsIn(redis: Redis, task: () => Promise<unknown>): Promise<Record<string, number>> {
  await redis.config('RESETSTAT')
  await task()
  const calls: Record<string, number> = {}
  for (const [, name, count] of (await redis.info('commandstats')).matchAll(/cmdstat_(\S+):calls=(\d+)/g)) {
    calls[name as string] = Number(count)
  }
  // What keeps the node alive, and this test.
  for (const name of ['ping', 'config|resetstat', 'info']) delete calls[name]
  return calls
}

t.test('a publish is one command, and so are all that one turn has for a channel', async (t) => {
  const { streams, redis } = await opened(t)
  const channel = freshChannel()
  await streams.subscribe([channel])
  await fill(streams, channel, 3)
  const perCall = ['evalsha', 'mget', 'xlen', 'hmget', 'time', 'hset', 'publish']
  const alone = await callsIn(redis, async () => {
    for (let index = 0; index < 20; index++) await post(streams, channel)
  })
  t.strictSame(alone, { ...Object.fromEntries(perCall.map((name) => [name, 20])), xadd: 20, set: 20, pexpire: 40 })
  const together = await callsIn(redis, () => Promise.all(span(1, 60).map(() => post(streams, channel))))
  t.strictSame(together, { ...Object.fromEntries(perCall.map((name) => [name, 1])), xadd: 60, set: 60, pexpire: 2 })
})

t.test('more than one call holds keep their order, and one id is stored once', async (t) => {
  const { streams, heard } = await opened(t)
  const channel = freshChannel()
  await streams.subscribe([channel])
  const sent = span(1, 200).map((n) => post(streams, channel, `${n}`, n % 10 === 0 ? { messageId: 'mine' } : {}))
  const published = await Promise.all(sent)
  const fresh = published.filter(({ duplicate }) => !duplicate)
  t.strictSame(
    fresh.map(({ position }) => position.offset),
    span(1, 181)
  )
  const mine = published.filter((_, index) => (index + 1) % 10 === 0)
  t.equal(new Set(mine.map(({ position }) => position.offset)).size, 1)
  await until(() => heard.messages.length === 181)
  t.strictSame(heard.offsets(channel), span(1, 181))
})

t.test('a forgotten script cache costs nothing, not even the order', async (t) => {
  const { streams, redis, heard } = await opened(t)
  const channel = freshChannel()
  await streams.subscribe([channel])
  await fill(streams, channel, 10)
  const calls: Array<Promise<number>> = []
  for (let round = 0; round < 40; round++) {
    if (round % 8 === 0) await redis.script('FLUSH')
    for (let index = 0; index < 10; index++) {
      calls.push(post(streams, channel, String(calls.length)).then(({ position }) => position.offset))
    }
    await new Promise(setImmediate)
  }
  t.same(await Promise.all(calls), span(11, 410), 'in the order of the calls')
  t.equal((await streams.tops([channel]))[0]?.offset, 410)
  await redis.script('FLUSH')
  t.same(offsetsOf((await streams.read(channel, { limit: 3 })).messages), [408, 409, 410])
  await redis.script('FLUSH')
  t.equal((await streams.tops([channel]))[0]?.offset, 410)
  await until(() => heard.offsets(channel).at(-1) === 410)
  t.same(heard.offsets(channel), span(1, 410))
})

t.test('what others publish on a topic is ignored', async (t) => {
  const { streams, redis, heard, keys } = await opened(t)
  const channel = freshChannel()
  await streams.subscribe([channel])
  const garbage = [
    '',
    '\n',
    'm1',
    's1',
    'm1\n',
    'm1\n\n\n\n\n\n',
    'm1\nepoch\nNaN\n1\nid\n\n{}',
    'hello',
    '{}',
    '\0\0\0\0'
  ]
  garbage.push(
    'm1\nepoch\n-1\n1\nid\n\n{}',
    'm1\nepoch\n1.5\n1\nid\n\n{}',
    'm2\nepoch\n1\n1\nid\n\n{}',
    's2\n\n{}',
    'm1'.repeat(1e5)
  )
  for (const record of garbage) await redis.publish(keys.topic(channel), record)
  await redis.publish(keys.topic(channel), Buffer.from([0xff, 0xfe, 0x6d, 0x31]))
  await post(streams, channel)
  await until(() => heard.messages.length > 0)
  t.same(heard.offsets(channel), [1])
  t.same(heard.signals, [])
})

t.test('what others put in the place of a key refuses the publish and changes nothing', async (t) => {
  const { streams, redis, keys } = await opened(t)
  const [badLog, badMeta] = [freshChannel(), freshChannel()]
  await redis.set(keys.log(badLog), 'mine')
  await redis.set(keys.meta(badMeta), 'mine')
  for (const channel of [badLog, badMeta]) {
    await t.rejects(post(streams, channel, 'hi', { messageId: 'mine' }), { code: 'store_unavailable' })
    t.equal(await redis.exists(keys.receipt(channel, 'mine')), 0)
  }
  t.equal(await redis.exists(keys.meta(badLog)), 0)
})

t.test('more old messages than one look removes are not shown either', async (t) => {
  const { streams, redis, keys } = await opened(t)
  const channel = freshChannel()
  const retention = { size: 100_000, ttlMs: 3_600_000 }
  const { position } = await post(streams, channel, 'first', { retention })
  // As they would stand two hours after: the ids hold the time at which they were stored.
  const old = Date.now() - 2 * 3_600_000
  await redis.del(keys.log(channel))
  const record = (offset: number) => `m1\n${position.epoch}\n${offset}\n${old}\nid-${offset}\n\n{}`
  const pipeline = redis.pipeline()
  for (const offset of span(1, 12_000)) pipeline.xadd(keys.log(channel), `${offset}-${old}`, 'r', record(offset))
  pipeline.hset(keys.meta(channel), 'offset', '12000')
  await pipeline.exec()
  await post(streams, channel, 'young', { retention })
  const page = await streams.read(channel, { after: { offset: 0 }, limit: 5 })
  t.same(offsetsOf(page.messages), [12_001])
  t.match(page, { continuity: 'gap', gap: { from: 1, to: 12_000 } })
})
