import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { chatOf } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

/** Two nodes, and a client on the first. */
async function setUp(t: Test) {
  const settings = { REDIS_URL: (await startRedis(t)).url, REDIS_PREFIX: randomUUID(), PRESENCE_GRACE: 10 }
  const [here, there] = [await startServer(t, settings), await startServer(t, settings)]
  const first = await here.connect('/ws?user_id=alice')
  await first.ask({ type: 'join_room', room: 'r' })
  const { session_id, resume_token } = first.messages[0] as Message
  const resume = async (client: LiveClient) => await client.ask({ type: 'resume', session_id, resume_token })
  return { here, there, first, resume }
}

/** Holds the next join on a node, before or after it is done, until `release`; `reached` resolves when it is there. */
function holdNextJoin(
  { app: { rooms } }: TestServer,
  { when = 'before' }: { when?: 'before' | 'after' } = {}
): { reached: Promise<void>; release: () => void } {
  const join = rooms.join.bind(rooms)
  let [reach, release] = [() => {}, () => {}]
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  rooms.join = async (...args) => {
    rooms.join = join
    const done = when === 'after' ? await join(...args) : undefined
    reach()
    await released
    return done ?? (await join(...args))
  }
  return { reached, release }
}

const isClosed = ({ socket }: LiveClient) => socket.readyState === socket.CLOSED

t.test('one that comes back on another node after the first has the session, however slow the first is', async (t) => {
  const { here, there, resume } = await setUp(t)
  const slow = await there.connect('/ws')
  const held = holdNextJoin(there)
  const slowAnswer = resume(slow)
  await held.reached
  const quick = await here.connect('/ws')
  t.match(await resume(quick), { type: 'ack', rooms: { r: {} } })
  // The note of the takeover reaches the other node before the slow one is in.
  await request(`${here.url}/rooms/r/messages`, { method: 'POST', body: { content: 1 } })
  held.release()
  await Promise.race([slowAnswer, slow.closed()])
  await until(() => isClosed(slow))
  t.equal(await slow.closed(), 4502)
  await request(`${here.url}/rooms/r/messages`, { method: 'POST', body: { content: 2 } })
  await until(() => chatOf(quick, 'r').length === 2)
  t.notOk(isClosed(quick))
})

t.test('the connection that had the session is told, also where the first that took it did not make it', async (t) => {
  const { there, first, resume } = await setUp(t)
  const slow = await there.connect('/ws')
  const held = holdNextJoin(there)
  const slowAnswer = resume(slow)
  await held.reached
  const quick = await there.connect('/ws')
  t.match(await resume(quick), { type: 'ack', rooms: { r: {} } })
  held.release()
  await Promise.race([slowAnswer, slow.closed()])
  await until(() => isClosed(slow) && isClosed(first))
  t.equal(await slow.closed(), 4502)
  t.equal(await first.closed(), 4502)
  t.notOk(isClosed(quick))
})

t.test('who is on the way to another node has not left, though the first one notices the loss before', async (t) => {
  const { here, there, first, resume } = await setUp(t)
  const watcher = await here.connect('/ws?user_id=watcher')
  await watcher.ask({ type: 'join_room', room: 'r' })
  const next = await there.connect('/ws?user_id=alice')
  const held = holdNextJoin(there)
  const answer = resume(next)
  await held.reached
  // This is to be saved, which shows that the session is another node's by now.
  first.send({ type: 'join_room', room: 's' })
  t.equal(await first.closed(), 4502)
  await until(async () => (await request(`${here.url}/rooms/s`)).body.connections === 1)
  t.match((await request(`${here.url}/rooms/r`)).body, { online_count: 2 })
  held.release()
  t.match(await answer, { type: 'ack', rooms: { r: { online_count: 2 } } })
  await until(async () => (await request(`${here.url}/rooms/r`)).body.connections === 2)
  await until(async () => (await request(`${here.url}/rooms/s`)).body.connections === 0)
  await watcher.ask({ type: 'join_room', room: 'another' })
  const moves = watcher.messages.filter(({ action, user_id }) => /^user_/.test(action) && user_id === 'alice')
  t.strictSame(moves, [])
})

t.test('a room that one is put out of on the way back to it is lost', async (t) => {
  for (const when of ['before', 'after'] as const) {
    const { here, first, resume } = await setUp(t)
    first.terminate()
    const next = await here.connect('/ws')
    const held = holdNextJoin(here, { when })
    const answer = resume(next)
    await held.reached
    await request(`${here.url}/rooms/r/members/alice`, { method: 'DELETE' })
    held.release()
    const { rooms, removed } = await answer
    t.strictSame({ rooms, removed }, { rooms: {}, removed: ['r'] }, when)
    await until(async () => (await request(`${here.url}/rooms/r`)).body.connections === 0)
    await request(`${here.url}/rooms/r/messages`, { method: 'POST', body: { content: 1 } })
    await next.ask({ type: 'heartbeat' })
    t.strictSame(chatOf(next, 'r'), [])
  }
})
