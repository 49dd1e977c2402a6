import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Config } from '../../src/config.js'
import { Keys } from '../../src/store/redis/keys.js'
import { bystander } from '../store/redis-harness.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'
import { allAnswered } from './each-store.js'
import { handshake, openRaw } from './raw-socket.js'

t.setTimeout(120_000)

const redis = startRedis(t)

/** A node on Redis that takes ten seconds to drain, by a clock that stands still. */
async function startNode(t: Test, settings: Partial<Config> = {}) {
  const clock = new ManualClock(Date.now())
  const { url } = await redis
  const own = { REDIS_URL: url, REDIS_PREFIX: randomUUID(), DRAIN_SECONDS: 10 }
  const server = await startServer(t, { ...own, ...settings }, { clock })
  // What is still open at the end of the test is not waited for.
  t.teardown(() => server.app.live.hurry())
  return { clock, server }
}

/** As if the grace of every node that has ended were over. */
async function endGrace(t: Test, prefix: string): Promise<void> {
  const { dead } = new Keys(prefix)
  const bystanding = await bystander(t, (await redis).url)
  for (const node of await bystanding.zrange(dead, '0', '-1')) await bystanding.zadd(dead, 1, node)
}

const ready = (url: string) => request(`${url}/health/ready`)

t.test('a node that drains is not ready and takes nobody in, and everything else goes on', async (t) => {
  const { clock, server } = await startNode(t)
  const alice = await server.connect('/ws?user_id=alice')
  const bob = await server.connect('/ws?user_id=bob')
  await alice.ask({ type: 'join_room', room: 'r' })
  const closed = server.app.close()
  t.match(await ready(server.url), { status: 503, body: { reason: 'draining' } })
  t.match(await request(`${server.url}/health/live`), { status: 200 })
  const refused = await handshake(t, server.url)
  t.match(refused, { status: 503, headers: { 'retry-after': '1' }, body: { code: 'draining' } })

  t.match(await bob.ask({ type: 'join_room', room: 'r' }), { type: 'ack' })
  t.match(await alice.ask({ type: 'chat_message', room: 'r', content: 1 }), { type: 'ack', offset: 1 })
  const body = { content: 2 }
  t.match(await request(`${server.url}/rooms/r/messages`, { method: 'POST', body }), { status: 201 })
  await bob.next(({ type, offset }) => type === 'chat_message' && offset === 2)

  await alice.next(({ action }) => action === 'goaway')
  t.strictSame(
    alice.messages.filter(({ action }) => action === 'goaway'),
    [{ type: 'system', action: 'goaway', reconnect_within_ms: 1000 }]
  )
  t.notOk(bob.messages.some(({ action }) => action === 'goaway'))
  clock.advance(1000)
  await bob.next(({ action }) => action === 'goaway')
  clock.advance(8999)
  await allAnswered(alice)
  clock.advance(1)
  t.equal(await alice.closed(), 1012)
  t.equal(await bob.closed(), 1012)
  await closed
})

t.test('it ends as soon as the last one has left', async (t) => {
  const { server } = await startNode(t)
  const clients = await Promise.all([server.connect(), server.connect()])
  const closed = server.app.close()
  await clients[0]?.next(({ action }) => action === 'goaway')
  for (const client of clients) client.socket.close(1000)
  await closed
  for (const client of clients) t.equal(await client.closed(), 1000)
})

t.test('without connections nothing is waited for', async (t) => {
  const { server } = await startNode(t)
  const gone = await server.connect()
  gone.terminate()
  await until(() => server.app.pool.size === 0)
  await server.app.close()
})

t.test('in a hurry those who are left are closed at once, by a close frame', async (t) => {
  const { server } = await startNode(t)
  const client = await server.connect()
  const closed = server.app.close()
  await client.next(({ action }) => action === 'goaway')
  server.app.live.hurry()
  t.equal(await client.closed(), 1012)
  await closed
})

t.test('the embedded store has no other node: its clients are closed at once', async (t) => {
  const server = await startServer(t, { DRAIN_SECONDS: 10 }, { clock: new ManualClock() })
  const client = await server.connect()
  const closed = server.app.close()
  t.equal(await client.closed(), 1012)
  t.notOk(client.messages.some(({ action }) => action === 'goaway'))
  await closed
})

t.test('once it closes, requests are refused as draining, but for those that ask for its health', async (t) => {
  const { clock, server } = await startNode(t)
  const silent = await openRaw(t, server.url, { path: '/ws?user_id=silent' })
  silent.socket.removeAllListeners('end')
  const closed = server.app.close()
  const online = () => request(`${server.url}/online`)
  await until(async () => (await ready(server.url)).status === 503)
  t.match(await online(), { status: 200 })
  clock.advance(10_000)
  await until(() => silent.closeCode === 1012)
  const { status, headers, body } = await online()
  t.match({ status, body }, { status: 503, body: { code: 'draining' } })
  t.equal(headers.get('retry-after'), '1')
  t.match(await request(`${server.url}/health/live`), { status: 200 })
  clock.advance(3000)
  await closed
})

t.test('who resumes elsewhere was never gone, and who does not has left when the grace is over', async (t) => {
  const place = { REDIS_PREFIX: randomUUID(), PRESENCE_GRACE: 60 }
  const leaving = await startNode(t, place)
  const staying = await startNode(t, { ...place, DRAIN_SECONDS: 0 })
  const watcher = await staying.server.connect('/ws?user_id=watcher')
  await watcher.ask({ type: 'join_room', room: 'r' })
  const join = async (name: string) => {
    const client = await leaving.server.connect(`/ws?user_id=${name}`)
    await client.ask({ type: 'join_room', room: 'r' })
    const { session_id, resume_token } = client.messages[0] ?? {}
    return { client, session: { session_id, resume_token } }
  }
  const early = await join('early')
  const late = await join('late')
  await join('gone')
  await until(() => watcher.messages.filter(({ action }) => action === 'user_joined').length === 4)

  const closed = leaving.server.app.close()
  const online = async () => (await request(`${staying.server.url}/rooms/r/online`)).body.online_count
  // As the client package does: first the new connection, then the old one's goodbye.
  const next = await staying.server.connect('/ws?user_id=early')
  t.match(await next.ask({ type: 'resume', ...early.session }), { type: 'ack', rooms: { r: { online_count: 4 } } })
  early.client.socket.close(1000)
  leaving.clock.advance(10_000)
  t.equal(await late.client.closed(), 1012)
  await closed
  // Long enough that the node that stays may judge the other one.
  for (let second = 1; second <= 20; second++) {
    staying.clock.advance(1000)
    await online()
  }
  t.equal(await online(), 4, 'the grace goes on after the end of the node')
  const afterwards = await staying.server.connect('/ws?user_id=late')
  t.match(await afterwards.ask({ type: 'resume', ...late.session }), { type: 'ack', rooms: { r: { online_count: 4 } } })

  await endGrace(t, place.REDIS_PREFIX)
  await until(() => {
    staying.clock.advance(1000)
    return watcher.messages.some(({ action, user_id }) => action === 'user_left' && user_id === 'gone')
  })
  t.equal(await online(), 3)
  await allAnswered(watcher)
  t.strictSame(
    watcher.messages.filter(({ action }) => action === 'user_left').map(({ user_id }) => user_id),
    ['gone']
  )
  t.equal(watcher.messages.filter(({ action }) => action === 'user_joined').length, 4)
})

t.test('a message that comes between the goodbye and the return is there after the return', async (t) => {
  const place = { REDIS_PREFIX: randomUUID(), PRESENCE_GRACE: 10, DRAIN_SECONDS: 0 }
  const leaving = await startNode(t, place)
  const staying = await startNode(t, place)
  const client = await leaving.server.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  const { session_id, resume_token } = client.messages[0] ?? {}
  await leaving.server.app.close()
  await request(`${staying.server.url}/rooms/r/messages`, { method: 'POST', body: { content: 'meanwhile' } })
  const back = await staying.server.connect('/ws?user_id=alice')
  t.match(await back.ask({ type: 'resume', session_id, resume_token }), { rooms: { r: { recovered: 'full' } } })
  await back.next(({ type, content }) => type === 'chat_message' && content === 'meanwhile')
})
