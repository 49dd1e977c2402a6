import { randomUUID } from 'node:crypto'
import t from 'tap'
import { chatOf, offsetsOf, onEachStore, range } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { startServerProcess, temporaryFolder } from '../support/server-process.js'
import { until } from '../support/until.js'

/** The credentials that the welcome gave. */
function credentialsOf(client: LiveClient): { session_id: string; resume_token: string } {
  const { session_id, resume_token } = client.messages[0] as Message
  return { session_id, resume_token }
}

const publish = (server: TestServer | { url: string }, content: unknown, room = 'r') =>
  request(`${server.url}/rooms/${room}/messages`, { method: 'POST', body: { content } })

const settings = { PRESENCE_GRACE: 10, HEARTBEAT_INTERVAL: 1 }

onEachStore(
  'a dropped client comes back to its rooms and misses nothing, and nobody hears that it was away',
  async (t, start) => {
    const server = await start(settings)
    const watcher = await server.connect('/ws?user_id=watcher')
    await watcher.ask({ type: 'join_room', room: 'r' })
    const before = await server.connect('/ws?user_id=alice')
    await before.ask({ type: 'join_room', room: 'r' })
    await before.ask({ type: 'join_room', room: 's' })
    for (const content of [1, 2]) await publish(server, content)
    await until(() => chatOf(before, 'r').length === 2)
    before.terminate()
    for (const content of [3, 4]) await publish(server, content)

    const after = await server.connect('/ws')
    const answer = await after.ask({ type: 'resume', ...credentialsOf(before) })
    t.match(answer, {
      type: 'ack',
      session_id: credentialsOf(before).session_id,
      user_id: 'alice',
      rooms: { r: { offset: 4, online_count: 2, recovered: 'full' }, s: { offset: 0, recovered: 'full' } },
      removed: []
    })
    t.match(answer.resume_token, /^[\w-]{43}$/)
    await until(() => chatOf(after, 'r').at(-1)?.offset === 4)
    t.strictSame(offsetsOf([...chatOf(before, 'r'), ...chatOf(after, 'r')]).slice(-2), [3, 4])
    await publish(server, 5)
    await until(() => chatOf(after, 'r').at(-1)?.offset === 5)
    t.notOk(watcher.messages.some(({ action, user_id }) => action === 'user_left' && user_id === 'alice'))
    t.equal(watcher.messages.filter(({ action, user_id }) => action === 'user_joined' && user_id === 'alice').length, 1)
  }
)

onEachStore('with positions nothing at or before them is sent again', async (t, start) => {
  const server = await start(settings)
  const before = await server.connect('/ws?user_id=alice')
  const { epoch } = await before.ask({ type: 'join_room', room: 'r' })
  for (let n = 1; n <= 5; n++) await publish(server, n)
  await until(() => chatOf(before, 'r').length === 5)
  before.terminate()
  await publish(server, 6)
  const after = await server.connect('/ws')
  const positions = { r: { epoch, offset: 5 }, elsewhere: { epoch, offset: 1 } }
  t.match(await after.ask({ type: 'resume', ...credentialsOf(before), positions }), {
    rooms: { r: { recovered: 'full' } }
  })
  await until(() => chatOf(after, 'r').length > 0)
  await publish(server, 7)
  await until(() => chatOf(after, 'r').length > 1)
  t.strictSame(offsetsOf(chatOf(after, 'r')), [6, 7])
})

onEachStore(
  'a pong confirms what was sent before its ping: without positions the replay begins there',
  async (t, start) => {
    const server = await start({ ...settings, SESSION_TTL: 60 })
    const before = await server.connect('/ws?user_id=alice')
    await before.ask({ type: 'join_room', room: 'r' })
    for (let n = 1; n <= 3; n++) await publish(server, n)
    await until(() => chatOf(before, 'r').length === 3)
    let pings = 0
    before.socket.on('ping', () => {
      pings++
    })
    await until(() => pings >= 2)
    before.terminate()
    await publish(server, 4)
    const after = await server.connect('/ws')
    await after.ask({ type: 'resume', ...credentialsOf(before) })
    await until(() => chatOf(after, 'r').length > 0)
    t.strictSame(offsetsOf(chatOf(after, 'r')), [4])
  }
)

onEachStore('so it does where the connection before is still there', async (t, start) => {
  const server = await start(settings)
  const before = await server.connect('/ws?user_id=alice')
  await before.ask({ type: 'join_room', room: 'r' })
  for (let n = 1; n <= 3; n++) await publish(server, n)
  await until(() => chatOf(before, 'r').length === 3)
  let pings = 0
  before.socket.on('ping', () => {
    pings++
  })
  await until(() => pings >= 2)
  const after = await server.connect('/ws')
  await after.ask({ type: 'resume', ...credentialsOf(before) })
  await publish(server, 4)
  await until(() => chatOf(after, 'r').length > 0)
  t.strictSame(offsetsOf(chatOf(after, 'r')), [4])
  t.equal(await before.closed(), 4502)
})

onEachStore('a token works once, and the one before it once more', async (t, start) => {
  const server = await start(settings)
  const first = await server.connect('/ws?user_id=alice')
  await first.ask({ type: 'join_room', room: 'r' })
  first.terminate()
  const old = credentialsOf(first)
  const second = await server.connect('/ws')
  const { resume_token } = await second.ask({ type: 'resume', ...old })
  t.not(resume_token, old.resume_token)

  const third = await server.connect('/ws')
  const again = await third.ask({ type: 'resume', ...old })
  t.match(again, { type: 'ack' }, 'the answer may have been lost')
  t.equal(await second.closed(), 4502)
  const fourth = await server.connect('/ws')
  t.match(await fourth.ask({ type: 'resume', ...old }), { type: 'error', code: 'session_not_found' })
  t.match(await fourth.ask({ type: 'join_room', room: 'r' }), { type: 'ack' }, 'the connection goes on as new')
  t.match(await third.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
})

onEachStore('what is no session of this client is not found, and gives nothing away', async (t, start) => {
  const server = await start(settings)
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'r' })
  const mine = credentialsOf(alice)
  const unjoined = credentialsOf(await server.connect('/ws?user_id=carol'))
  for (const wrong of [
    { session_id: randomUUID(), resume_token: mine.resume_token },
    { session_id: mine.session_id, resume_token: 'x'.repeat(43) },
    { session_id: mine.session_id, resume_token: '' },
    { session_id: '__proto__', resume_token: 'x'.repeat(256) },
    unjoined
  ]) {
    const client = await server.connect('/ws')
    t.match(await client.ask({ type: 'resume', ...wrong }), { type: 'error', code: 'session_not_found' })
  }
  const bob = await server.connect('/ws?user_id=bob')
  t.match(await bob.ask({ type: 'resume', ...mine }), { code: 'session_not_found' }, 'the session of another user')
  const late = await server.connect('/ws')
  await late.ask({ type: 'chat_message', room: 'r', content: 1 })
  t.match(await late.ask({ type: 'resume', ...mine }), { code: 'invalid_message' }, 'after a publish')
  t.match(await late.ask({ type: 'resume', ...mine, resume_token: 'x'.repeat(257) }), { code: 'invalid_message' })
  t.match(await alice.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
})

onEachStore('after a goodbye nothing is kept, after a drop it is, for its time', async (t, start) => {
  const server = await start({ ...settings, SESSION_TTL: 1 })
  const watcher = await server.connect('/ws?user_id=watcher')
  await watcher.ask({ type: 'join_room', room: 'r' })
  const polite = await server.connect('/ws?user_id=polite')
  await polite.ask({ type: 'join_room', room: 'r' })
  polite.socket.close(1000)
  await watcher.next(({ action, user_id }) => action === 'user_left' && user_id === 'polite')
  const returning = await server.connect('/ws')
  t.match(await returning.ask({ type: 'resume', ...credentialsOf(polite) }), { code: 'session_not_found' })

  const late = await server.connect('/ws?user_id=late')
  await late.ask({ type: 'join_room', room: 'r' })
  late.terminate()
  const begun = performance.now()
  await until(() => performance.now() - begun > 1500)
  t.match(await returning.ask({ type: 'resume', ...credentialsOf(late) }), { code: 'session_not_found' })
})

onEachStore('what became of each room while the client was away is told: gap and reset', async (t, start) => {
  const server = await start({ ...settings, HISTORY_SIZE: 3 })
  const before = await server.connect('/ws?user_id=alice')
  const { epoch } = await before.ask({ type: 'join_room', room: 'r' })
  await before.ask({ type: 'join_room', room: 's' })
  before.terminate()
  for (let n = 1; n <= 10; n++) await publish(server, n)
  const after = await server.connect('/ws')
  const positions = { r: { epoch, offset: 2 }, s: { epoch: 'another', offset: 1 } }
  t.match(await after.ask({ type: 'resume', ...credentialsOf(before), positions }), {
    rooms: { r: { recovered: 'gap', gap: { from: 3, to: 7 }, offset: 10 }, s: { recovered: 'reset', offset: 0 } }
  })
  await until(() => chatOf(after, 'r').length === 3)
  t.strictSame(offsetsOf(chatOf(after, 'r')), [8, 9, 10])
})

onEachStore('of two that resume at once one owns the session, and the other is told', async (t, start) => {
  const server = await start(settings)
  const before = await server.connect('/ws?user_id=alice')
  await before.ask({ type: 'join_room', room: 'r' })
  before.terminate()
  const both = await Promise.all([server.connect('/ws'), server.connect('/ws')])
  const ask = (client: LiveClient) => client.ask({ type: 'resume', ...credentialsOf(before) })
  const answers = await Promise.all(
    both.map((client) => Promise.race([ask(client), client.closed().then(() => ({ type: 'closed' }))]))
  )
  t.ok(answers.some(({ type }) => type === 'ack'))
  const open = () => both.filter(({ socket }) => socket.readyState === socket.OPEN)
  await until(() => open().length === 1)
  const [loser] = both.filter((client) => !open().includes(client))
  t.equal(await loser?.closed(), 4502)
  await until(async () => (await request(`${server.url}/rooms/r/online`)).body.online_count === 1)
  await publish(server, 1)
  await until(() => open().every((client) => chatOf(client, 'r').length === 1))
})

t.test('a session outlives kill -9 of the embedded server', async (t) => {
  const DATA_DIR = await temporaryFolder(t)
  const before = await startServerProcess(t, { DATA_DIR })
  const client = await before.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  await client.ask({ type: 'chat_message', room: 'r', content: 1 })
  await before.end('SIGKILL')
  const after = await startServerProcess(t, { DATA_DIR })
  await publish(after, 2)
  const again = await after.connect('/ws')
  t.match(await again.ask({ type: 'resume', ...credentialsOf(client) }), {
    user_id: 'alice',
    rooms: { r: { offset: 2 } }
  })
  await until(() => chatOf(again, 'r').length === 2)
  t.strictSame(offsetsOf(chatOf(again, 'r')), range(1, 2))
})

t.test('a session is resumed on another node, after the death of its own and while that lives', async (t) => {
  const env = { REDIS_URL: (await startRedis(t)).url, REDIS_PREFIX: randomUUID() }
  const doomed = await startServerProcess(t, { ...env, PRESENCE_GRACE: '10' })
  const living = await startServer(t, { ...env, PRESENCE_GRACE: 10 })
  const other = await startServer(t, { ...env, PRESENCE_GRACE: 10 })
  const client = await doomed.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  await doomed.end('SIGKILL')
  await publish(living, 1)
  const second = await living.connect('/ws')
  const answer = await second.ask({ type: 'resume', ...credentialsOf(client) })
  t.match(answer, { type: 'ack', user_id: 'alice', rooms: { r: { recovered: 'full', offset: 1 } } })
  await until(() => chatOf(second, 'r').length === 1)

  const third = await other.connect('/ws')
  const { session_id, resume_token } = answer
  t.match(await third.ask({ type: 'resume', session_id, resume_token }), { type: 'ack', user_id: 'alice' })
  t.equal(await second.closed(), 4502, 'the node that had it closes the older connection')
})

onEachStore('a replay that was cut off begins again where it began', async (t, start) => {
  const server = await start(settings)
  const writer = await server.connect('/ws?user_id=writer')
  const { epoch } = await writer.ask({ type: 'join_room', room: 'r' })
  for (let n = 1; n <= 5; n++) await publish(server, n)
  const before = await server.connect('/ws?user_id=alice')
  before.socket.pause()
  before.send({ type: 'join_room', room: 'r', since: { epoch, offset: 1 } })
  await until(async () => (await request(`${server.url}/rooms/r/online`)).body.online_count === 2)
  await until(() => server.app.pool.size === 2)
  before.terminate()
  const after = await server.connect('/ws')
  const resumed = await until(
    () => after.ask({ type: 'resume', ...credentialsOf(before) }),
    ({ type }) => type === 'ack'
  )
  t.match(resumed.rooms.r, { offset: 5, recovered: 'full' })
  await until(() => chatOf(after, 'r').length === 4)
  t.strictSame(offsetsOf(chatOf(after, 'r')), range(2, 5))
})
