import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { connectRedis, RedisConnectError } from '../../src/store/redis/connections.js'
import { openRedisStore } from '../../src/store/redis/redis-store.js'
import type { Store } from '../../src/store/store.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { freshChannel, freshId, Hearing, post, until } from './hearing.js'
import { connect } from './redis-harness.js'

const answeredWithinMs = 3000

/** Every way to ask a store something, on names that are used already and on new ones. */
function questions(store: Store, used: string): Record<string, () => Promise<unknown>> {
  const { streams, presence, nodes } = store
  const membership = { room: 'lobby', connectionId: 'c9', userId: 'bob' }
  return {
    publish: () => post(streams, used, 'hi'),
    signal: () => streams.signal(used, Buffer.from('hi')),
    read: () => streams.read(used, { limit: 1 }),
    'read after a void position': () => streams.read(used, { after: { epoch: 'void', offset: 1 }, limit: 1 }),
    tops: () => streams.tops([used, freshChannel()]),
    subscribe: () => streams.subscribe([freshChannel()]),
    'subscribe again': () => streams.subscribe([used]),
    join: () => presence.join([membership, { ...membership, room: 'other' }]),
    leave: () => presence.leave([membership]),
    counts: () => presence.counts(['lobby']),
    members: () => presence.members('lobby', { limit: 10 }),
    rooms: () => presence.rooms({ prefix: '', limit: 10 }),
    connect: () => presence.connect('c9', 'bob'),
    disconnect: () => presence.disconnect('c9', 'bob'),
    connections: () => presence.connections(['bob']),
    totals: () => presence.totals(),
    count: () => nodes.count()
  }
}

async function opened(t: Test) {
  const server = await startRedis(t)
  const connections = await connect(t, server.url)
  const errors: unknown[] = []
  const onError = (error: unknown) => errors.push(error)
  const clock = new ManualClock()
  const store = await openRedisStore({
    graceMs: 0,
    deviceTtlMs: 60_000,
    sessionTtlMs: 60_000,
    removalTtlMs: 60_000,
    connections,
    url: server.url,
    prefix: randomUUID(),
    clock,
    onDeaf: () => {},
    onError
  })
  const heard = new Hearing()
  await store.streams.start(heard)
  await store.nodes.start({ onDeparture: () => {}, onLeaseLost: () => {} }, () => 0)
  const used = freshChannel()
  await store.streams.subscribe([used])
  for (const ask of Object.values(questions(store, used))) await ask()
  return { server, store, heard, connections, used, clock, errors }
}

t.test('while Redis hangs every question is refused within 3 s, and answered when it goes on', async (t) => {
  const { server, store, used } = await opened(t)
  server.process.kill('SIGSTOP')
  const waits: Array<{ name: string; outcome: unknown; ms: number }> = []
  const ask = async (name: string, question: () => Promise<unknown>) => {
    const begin = performance.now()
    const outcome = await question().then(
      () => 'answered',
      (error) => error.code
    )
    waits.push({ name, outcome, ms: performance.now() - begin })
  }
  const asked: Array<Promise<void>> = []
  // Not all at once: what comes while other questions wait must not wait for them as well.
  for (const round of ['first', 'second', 'third']) {
    for (const [name, question] of Object.entries(questions(store, used)))
      asked.push(ask(`${name}, ${round}`, question))
    await sleep(700)
  }
  await Promise.all(asked)
  for (const { name, outcome, ms } of waits) {
    t.equal(outcome, 'store_unavailable', name)
    t.ok(ms <= answeredWithinMs, `${name}: ${Math.round(ms)} ms`)
  }

  server.process.kill('SIGCONT')
  for (const [name, question] of Object.entries(questions(store, used))) {
    await until(() =>
      question().then(
        () => true,
        () => false
      )
    ).catch(() => t.fail(name))
  }
})

t.test('a publish without a certain outcome is made once by its retry', async (t) => {
  const { server, store, used, heard } = await opened(t)
  const before = heard.offsets(used).length
  const [first] = await store.streams.tops([used])
  const messageId = freshId()
  server.process.kill('SIGSTOP')
  await t.rejects(post(store.streams, used, 'once', { messageId }), { code: 'store_unavailable', retryAfterMs: 1000 })
  server.process.kill('SIGCONT')
  let position: unknown
  await until(async () => {
    position = await post(store.streams, used, 'once', { messageId }).then(
      (published) => published.position,
      () => undefined
    )
    return position !== undefined
  })
  t.match(position, { offset: (first?.offset ?? 0) + 1 })
  const next = await post(store.streams, used, 'next')
  t.equal(next.position.offset, (first?.offset ?? 0) + 2)
  await until(() => heard.offsets(used).length >= before + 2)
  t.same(heard.texts(used).slice(-2), ['once', 'next'])
})

t.test('a store tells whether it can keep its promises', async (t) => {
  const { server, store, clock, errors } = await opened(t)
  t.same(store.readiness(), { ready: true })
  server.process.kill('SIGSTOP')
  clock.advance(4001)
  t.match(store.readiness(), { ready: false, reason: 'Redis does not answer' })
  await until(() => errors.length > 0)
  server.process.kill('SIGCONT')
  await until(() => {
    clock.advance(2000)
    return store.readiness().ready
  })
  server.process.kill('SIGKILL')
  await until(() => !store.readiness().ready)
  t.match(store.readiness(), { ready: false, reason: 'Redis is not connected' })
  await t.rejects(post(store.streams, freshChannel()), { code: 'store_unavailable' })
})

t.test('a Redis that refuses the credentials is told in one line, without the password', async (t) => {
  const server = await startRedis(t, ['--requirepass', 'right-secret'])
  const wrong = `redis://:wrong-secret@127.0.0.1:${server.port}`
  const error = await connectRedis(wrong).catch((reason) => reason)
  t.ok(error instanceof RedisConnectError)
  t.match(error.message, /^REDIS_URL redis:\/\/127\.0\.0\.1:\d+ cannot be reached: .+$/)
  t.notMatch(error.message, /secret/)
  const connections = await connect(t, `redis://:right-secret@127.0.0.1:${server.port}`)
  t.equal(await connections.commands.ping(), 'PONG')
})
