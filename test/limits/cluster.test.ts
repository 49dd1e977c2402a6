import { randomUUID } from 'node:crypto'
import t from 'tap'
import { handshake } from '../live/raw-socket.js'
import { startRedis } from '../support/redis-server.js'
import { startServer } from '../support/server.js'
import { until } from '../support/until.js'

t.setTimeout(120_000)

const beat = { type: 'heartbeat' }

t.test('the connections of a user count on all nodes', async (t) => {
  const { url } = await startRedis(t)
  const settings = { REDIS_URL: url, REDIS_PREFIX: randomUUID(), MAX_CONNECTIONS_PER_USER: 2 }
  const [one, two] = [await startServer(t, settings), await startServer(t, settings)]
  const clients = [await one.connect('/ws?user_id=alice'), await two.connect('/ws?user_id=alice')]
  await until(async () => (await one.app.store.presence.connections(['alice']))[0] === 2)
  for (const { url } of [one, two]) {
    const refusal = await handshake(t, url, { path: '/ws?user_id=alice' })
    t.match(refusal, { status: 429, headers: { 'retry-after': '5' }, body: { code: 'too_many_connections' } })
  }
  await one.connect('/ws?user_id=bob')
  clients[1]?.terminate()
  await until(async () => (await one.app.store.presence.connections(['alice']))[0] === 1)
  await one.connect('/ws?user_id=alice')

  await t.test('also those that came in the same moment: who finds too many goes', async (t) => {
    const nobody = await Promise.all([one, two, one, two].map((server) => server.connect('/ws')))
    for (const client of nobody) client.send({ type: 'join_room', room: 'r', user_id: 'carol' })
    await until(async () => {
      const [count = 0] = await one.app.store.presence.connections(['carol'])
      const here = [one, two].flatMap(({ app }) => [...app.pool.ofUser('carol')])
      return count === here.length && count <= 2
    })
    t.ok(one.app.limiter.refusals.closes.Shed + two.app.limiter.refusals.closes.Shed >= 2)
  })
})

t.test('what a user does on one node is taken from what it may do on the others', async (t) => {
  const { url } = await startRedis(t)
  // One message flows in every ten seconds: what is gone stays gone.
  const rates = { RATE_LIMIT_PER_SECOND: 1, RATE_LIMIT_BURST: 20, RATE_LIMIT_USER_FACTOR: 1 }
  const settings = { REDIS_URL: url, REDIS_PREFIX: randomUUID(), ...rates }
  const [one, two] = [await startServer(t, settings), await startServer(t, settings)]
  const here = await one.connect('/ws?user_id=alice')
  const there = await two.connect('/ws?user_id=alice')
  for (let n = 0; n < 12; n++) t.match(await here.ask(beat), { type: 'heartbeat_ack' })
  await until(() => two.app.limiter.users?.of('alice').shortFor(two.app.clock.monotonic()) === 'messages')
  t.match(await there.ask(beat), { code: 'rate_limited' })
  t.equal(two.app.limiter.refusals.limits.user_messages, 1)
  const bob = await two.connect('/ws?user_id=bob')
  t.match(await bob.ask(beat), { type: 'heartbeat_ack' })
})

t.test('a report that no node has written is passed over', async (t) => {
  const { url } = await startRedis(t)
  const server = await startServer(t, { REDIS_URL: url, REDIS_PREFIX: randomUUID(), RATE_LIMIT_USER_FACTOR: 10 })
  for (const report of [
    '',
    '[]',
    '{"from":"x","users":[["alice",-1,0,0]]}',
    '{"from":"x","users":[["alice",1e400,0,0]]}'
  ]) {
    await server.app.store.streams.signal('usage:', Buffer.from(report))
  }
  await until(() => server.app.counters.malformedRecords === 4)
  t.equal(server.app.limiter.users?.size, 0)
})
