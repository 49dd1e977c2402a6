import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { Keys } from '../../src/store/redis/keys.js'
import type { RedisNodes } from '../../src/store/redis/redis-nodes.js'
import { chatOf } from '../live/each-store.js'
import { bystander } from '../store/redis-harness.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

const LEASE_MS = 8000
const redisUrl = (await startRedis(t)).url

/** Two nodes: one that will be paused, by a clock that the test moves, and one that goes on. */
async function setUp(t: Test) {
  const REDIS_PREFIX = randomUUID()
  const settings = { REDIS_URL: redisUrl, REDIS_PREFIX, PRESENCE_GRACE: 10 }
  const clocks = [new ManualClock(Date.now()), new ManualClock(Date.now())] as const
  const paused = await startServer(t, settings, { clock: clocks[0] })
  const other = await startServer(t, settings, { clock: clocks[1] })
  const redis = await bystander(t, redisUrl)
  const keys = new Keys(REDIS_PREFIX)
  const { nodes } = paused.app.store as unknown as { nodes: RedisNodes }
  const join = async (server: TestServer, user: string) => {
    const client = await server.connect(`/ws?user_id=${user}`)
    t.match(await client.ask({ type: 'join_room', room: 'r' }), { type: 'ack' })
    return client
  }
  /** The lease of the first runs out, and the second buries it. */
  const bury = async () => {
    const { name } = nodes
    await redis.zadd(keys.leases, Date.now() - 1, name)
    await until(async () => {
      clocks[1].advance(1000)
      return (await redis.exists(keys.nodeMembers('r', name))) === 0
    })
    await until(async () => (await redis.zscore(keys.dead, name)) === null)
    return name
  }
  /** The first goes on after its pause. */
  const wake = async () => {
    const { name } = nodes
    clocks[0].block(LEASE_MS * 4)
    await until(() => nodes.name !== name)
  }
  return { paused, other, clocks, redis, keys, nodes, join, bury, wake }
}

const resumeOn = async (server: TestServer, from: LiveClient) => {
  const client = await server.connect('/ws')
  const { session_id, resume_token } = from.messages[0] as Message
  const answer = await client.ask({ type: 'resume', session_id, resume_token })
  return { client, answer }
}

/** The recovery of a node waits at its first step until the returned function is called. */
function holdRecovery(nodes: RedisNodes): () => void {
  let open = () => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  const renew = nodes.renew.bind(nodes)
  nodes.renew = () => gate.then(renew)
  return () => open()
}

const counts = async ({ url }: TestServer) => (await request(`${url}/rooms/r/online`)).body
const movesOf = ({ messages }: LiveClient, user: string) =>
  messages.filter(({ user_id }) => user_id === user).map(({ action }) => action)

t.test(
  'a node that was taken for dead closes connections whose session is elsewhere, and keeps the others',
  async (t) => {
    const { paused, other, join, bury, wake } = await setUp(t)
    const watcher = await join(other, 'watcher')
    const [moved, stays] = [await join(paused, 'moved'), await join(paused, 'stays')]
    await bury()
    await until(() => movesOf(watcher, 'stays').includes('user_left'))
    // The note that tells the former owner is lost on it.
    paused.app.messageBus.onSignal = () => {}
    const { client, answer } = await resumeOn(other, moved)
    t.match(answer, { type: 'ack', rooms: { r: {} } })
    await wake()
    t.equal(await moved.closed(), 4502, 'at once')
    await until(async () => (await counts(other)).connections === 3)
    t.match(await counts(other), { online_count: 3 })
    await request(`${other.url}/rooms/r/messages`, { method: 'POST', body: { content: 1 } })
    await until(() => chatOf(stays, 'r').length === 1 && chatOf(client, 'r').length === 1)
    t.same(movesOf(watcher, 'moved'), ['user_joined', 'user_left', 'user_joined'])
    await until(() => movesOf(watcher, 'stays').length === 3)
    t.same(movesOf(watcher, 'stays'), ['user_joined', 'user_left', 'user_joined'])
    const { members } = (await request(`${other.url}/rooms/r/members`)).body
    t.match(members, [
      { user_id: 'moved', connections: 1 },
      { user_id: 'stays', connections: 1 },
      { user_id: 'watcher', connections: 1 }
    ])
  }
)

t.test('a session that ended elsewhere meanwhile is not written again by the node that comes back', async (t) => {
  const { paused, other, redis, keys, nodes, join, bury, wake } = await setUp(t)
  const first = await join(paused, 'ann')
  await bury()
  paused.app.messageBus.onSignal = () => {}
  const { client } = await resumeOn(other, first)
  const { session_id } = first.messages[0] as Message
  client.socket.close(1000)
  await until(async () => (await redis.exists(keys.session(session_id))) === 0)
  // The node knows its new name, and has not looked through its sessions yet.
  const lookOn = holdRecovery(nodes)
  await wake()
  // A write that comes just then.
  void first.ask({ type: 'join_room', room: 'other' })
  await until(() => first.socket.readyState === WebSocket.CLOSED)
  t.equal(await first.closed(), 4502)
  t.equal(await redis.exists(keys.session(session_id)), 0, 'nor for a moment')
  lookOn()
  await until(async () => (await request(`${other.url}/rooms/other/online`)).body.connections === 0)
  t.equal(await redis.exists(keys.session(session_id)), 0)
  t.match(await counts(other), { online_count: 0, connections: 0 })
})

t.test('a session that waits for nothing does not expire, because its node came back under another name', async (t) => {
  const { paused, other, redis, keys, join, bury, wake } = await setUp(t)
  const first = await join(paused, 'ann')
  const former = await bury()
  await wake()
  await until(async () => (await counts(other)).connections === 1)
  // Longer ago than a session lasts was the end of the old name's lease; the new one is alive.
  await redis.zincrby(keys.ended, -130_000, former)
  const { answer } = await resumeOn(other, first)
  t.match(answer, { type: 'ack', rooms: { r: {} } })
})

t.test('who takes over a session from a node under its new name is told of', async (t) => {
  const { paused, other, join, bury, wake } = await setUp(t)
  const first = await join(paused, 'ann')
  await bury()
  await wake()
  await until(async () => (await counts(other)).connections === 1)
  await resumeOn(other, first)
  t.equal(await first.closed(), 4502)
})

t.test('sessions that the store forgot are written again', async (t) => {
  const { paused, other, clocks, redis, keys, nodes, join } = await setUp(t)
  const [ann, watcher] = [await join(paused, 'ann'), await join(other, 'watcher')]
  await flush(redis)
  const { name } = nodes
  for (const clock of clocks) clock.advance(2000)
  await until(() => nodes.name !== name)
  const { session_id } = ann.messages[0] as Message
  await until(async () => (await redis.exists(keys.session(session_id))) === 1)
  await until(async () => (await counts(other)).connections === 2)
  for (let second = 0; second < 5; second++) for (const clock of clocks) clock.advance(1000)
  await request(`${other.url}/rooms/r/messages`, { method: 'POST', body: { content: 1 } })
  await until(() => chatOf(watcher, 'r').length === 1 && chatOf(ann, 'r').length === 1)
  const { client, answer } = await resumeOn(other, ann)
  t.match(answer, { type: 'ack', rooms: { r: {} } })
  for (const heard of [ann, watcher, client])
    t.same(
      heard.messages.filter(({ action }) => action === 'user_left'),
      [],
      'nobody has left'
    )
  t.same(movesOf(watcher, 'ann'), [], 'and nobody came')
})

async function flush(redis: Redis): Promise<void> {
  await redis.flushall()
}
