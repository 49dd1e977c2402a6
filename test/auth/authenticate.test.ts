import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { RoomcastOptions } from '../../src/app.js'
import type { Config } from '../../src/config.js'
import { chatOf } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { forgeToken, SECRET, seconds, signToken } from '../support/tokens.js'
import { until } from '../support/until.js'

const NOW = Date.UTC(2026, 0, 1)

/** Time is moved by minutes at once here: nobody could answer a ping meanwhile. */
const calm = { HEARTBEAT_TIMEOUT: 1_000_000 }

type Claims = Parameters<typeof signToken>[0]

async function setUp(t: Test, settings: Partial<Config> = {}, options: Omit<RoomcastOptions, 'settings'> = {}) {
  const clock = new ManualClock(NOW)
  const server = await startServer(t, { JWT_SECRET: SECRET, ...calm, ...settings }, { clock, ...options })
  const tokenFor = (sub: string, claims: Claims = {}) => signToken({ sub, exp: seconds(clock.now()) + 600, ...claims })
  const connectAs = (sub: string, claims: Claims = {}) => connectWith(server, tokenFor(sub, claims))
  return { clock, server, tokenFor, connectAs }
}

async function connectWith(server: TestServer, token: Promise<string>): Promise<LiveClient> {
  return await server.connect('/ws', { headers: { authorization: `Bearer ${await token}` } })
}

const authenticate = async (client: LiveClient, token: Promise<string>) =>
  await client.ask({ type: 'authenticate', token: await token })

t.test('the first message authenticates, and nothing else is taken before', async (t) => {
  const { server, tokenFor } = await setUp(t)
  const client = await server.connect()
  t.match(client.messages[0], { action: 'connected', user_id: null })
  for (const message of [
    { type: 'heartbeat' },
    { type: 'join_room', room: 'r' },
    { type: 'chat_message', room: 'r', content: 1, user_id: 'alice' },
    { type: 'resume', session_id: 'x', resume_token: 'y' },
    { type: 'leave_room', room: 'r' },
    { type: 'join_room' },
    { type: 'nonsense' }
  ]) {
    t.match(await client.ask(message), { type: 'error', code: 'unauthenticated' }, message.type)
  }
  t.match(await client.ask({ type: 'authenticate' }), { code: 'invalid_message', message: /^token: / })
  const { id, ...ack } = await authenticate(client, tokenFor('alice'))
  t.strictSame(ack, { type: 'ack', user_id: 'alice', expires_at: new Date(NOW + 600_000).toISOString() })
  t.match(await client.ask({ type: 'join_room', room: 'r', user_id: 'alice' }), { type: 'ack', online_count: 1 })
  t.match(await client.ask({ type: 'chat_message', room: 'r', content: 1, user_id: 'bob' }), { code: 'user_mismatch' })
  await client.ask({ type: 'chat_message', room: 'r', content: 2 })
  t.match(await client.next(({ type }) => type === 'chat_message'), { user_id: 'alice', content: 2 })
})

t.test('what is sent right behind the token is taken after it', async (t) => {
  const { server, tokenFor } = await setUp(t)
  const client = await server.connect()
  client.send({ type: 'authenticate', id: 'a', token: await tokenFor('alice') })
  client.send({ type: 'join_room', id: 'b', room: 'r' })
  t.match(await client.next(({ id }) => id === 'b'), { type: 'ack' })
})

t.test('a refused token leaves the connection as it is, until ten seconds are over', async (t) => {
  const { server, clock, tokenFor } = await setUp(t)
  const [client, silent, good] = [await server.connect(), await server.connect(), await server.connect()]
  clock.advance(4000)
  for (const token of ['', 'x', forgeToken({ alg: 'none' }, { sub: 'alice', exp: seconds(NOW) + 60 })]) {
    t.match(await client.ask({ type: 'authenticate', token }), { type: 'error', code: 'unauthenticated' })
  }
  t.match(await client.ask({ type: 'authenticate' }), { code: 'invalid_message' })
  t.match(await authenticate(good, tokenFor('alice')), { type: 'ack' })
  clock.advance(5999)
  t.match(await client.ask({ type: 'heartbeat' }), { code: 'unauthenticated' }, 'still there')
  clock.advance(1)
  t.equal(await client.closed(), 4001)
  t.equal(await silent.closed(), 4001)
  t.match(await good.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
})

t.test('thirty seconds before its end a token is to be renewed, and at its end the connection is closed', async (t) => {
  const { clock, connectAs } = await setUp(t)
  const client = await connectAs('alice')
  clock.advance(569_000)
  t.match(await client.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
  t.notOk(client.messages.some(({ action }) => action === 'token_expiring'))
  clock.advance(1000)
  t.strictSame(await client.next(({ action }) => action === 'token_expiring'), {
    type: 'system',
    action: 'token_expiring',
    expires_at: new Date(NOW + 600_000).toISOString()
  })
  clock.advance(29_000)
  t.match(await client.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
  clock.advance(1000)
  t.equal(await client.closed(), 4001)
  t.equal(client.messages.filter(({ action }) => action === 'token_expiring').length, 1)
})

t.test('a token that is short from the start is warned of when half of it is over', async (t) => {
  const { clock, connectAs } = await setUp(t)
  const client = await connectAs('alice', { exp: seconds(NOW) + 20 })
  clock.advance(9000)
  await client.ask({ type: 'heartbeat' })
  t.notOk(client.messages.some(({ action }) => action === 'token_expiring'))
  clock.advance(1000)
  await client.next(({ action }) => action === 'token_expiring')
  clock.advance(10_000)
  t.equal(await client.closed(), 4001)
})

t.test('a fresh token keeps the connection, its rooms and its messages', async (t) => {
  const { clock, connectAs, tokenFor } = await setUp(t)
  const client = await connectAs('alice')
  const watcher = await connectAs('bob', { exp: seconds(NOW) + 6000 })
  for (const one of [watcher, client]) await one.ask({ type: 'join_room', room: 'r' })
  clock.advance(570_000)
  t.match(await authenticate(client, tokenFor('alice')), { type: 'ack', user_id: 'alice' })
  clock.advance(60_000)
  await watcher.ask({ type: 'chat_message', room: 'r', content: 'still there?' })
  t.match(await client.next(({ type }) => type === 'chat_message'), { content: 'still there?' })
  t.notOk(watcher.messages.some(({ action }) => action === 'user_left'))
  t.equal(watcher.messages.filter(({ action }) => action === 'user_joined').length, 2)
  clock.advance(480_000)
  await client.next(({ action }) => action === 'token_expiring')
  clock.advance(60_000)
  t.equal(await client.closed(), 4001)
})

t.test('a refused refresh leaves the old token in force', async (t) => {
  const { clock, server, connectAs, tokenFor } = await setUp(t)
  const rights = { roomcast: { 'room:r': ['*'] } }
  const client = await connectAs('alice', rights)
  await client.ask({ type: 'join_room', room: 'r' })
  const wider = { roomcast: { '*': ['*'] } }
  for (const [token, code] of [
    [Promise.resolve('x'), 'unauthenticated'],
    [tokenFor('alice', { ...wider, exp: seconds(NOW) - 1 }), 'unauthenticated'],
    [tokenFor('alice', { ...wider, exp: seconds(NOW) + 31 * 86_400 }), 'unauthenticated'],
    [tokenFor('bob', wider), 'user_mismatch']
  ] as const) {
    t.match(await authenticate(client, token), { type: 'error', code })
    t.match(await client.ask({ type: 'chat_message', room: 'r', content: code }), { type: 'ack' })
    t.match(await client.ask({ type: 'join_room', room: 'other' }), { code: 'forbidden' })
  }
  t.match((await request(`${server.url}/rooms/r/members`)).body, { members: [{ user_id: 'alice' }] })
  clock.advance(600_000)
  t.equal(await client.closed(), 4001, 'at the end of the old one')
})

t.test('the rights of a fresh token hold at once', async (t) => {
  const { server, connectAs, tokenFor } = await setUp(t)
  const client = await connectAs('alice')
  const watcher = await connectAs('bob')
  for (const room of ['news', 'chat/1', 'chat/2']) {
    await client.ask({ type: 'join_room', room })
    await watcher.ask({ type: 'join_room', room })
  }
  const rights = { roomcast: { 'room:news': ['join'], 'room:chat/*': ['publish'] } }
  t.match(await authenticate(client, tokenFor('alice', rights)), { type: 'ack' })
  const removed = client.messages.filter(({ action }) => action === 'removed')
  t.strictSame(
    removed.map(({ type, timestamp, ...told }) => told),
    ['chat/1', 'chat/2'].map((room) => ({ action: 'removed', room, reason: 'rights' }))
  )
  await watcher.next(({ action, room }) => action === 'user_left' && room === 'chat/2')
  t.match((await request(`${server.url}/rooms/chat%2F1`)).body, { online_count: 1 })
  await watcher.ask({ type: 'chat_message', room: 'chat/1', content: 'secret' })
  await watcher.ask({ type: 'chat_message', room: 'news', content: 'public' })
  t.match(await client.next(({ type }) => type === 'chat_message'), { room: 'news' })
  t.match(await client.ask({ type: 'chat_message', room: 'news', content: 1 }), { code: 'forbidden' })
  t.match(await client.ask({ type: 'chat_message', room: 'chat/1', content: 1 }), { type: 'ack' })
  t.match(await client.ask({ type: 'join_room', room: 'chat/1' }), { code: 'forbidden' })
  t.match(await authenticate(client, tokenFor('alice')), { type: 'ack' })
  t.match(await client.ask({ type: 'join_room', room: 'chat/1' }), { type: 'ack' })
})

t.test('a room that rights took away is not in the session any more', async (t) => {
  const { server, connectAs, tokenFor } = await setUp(t)
  const client = await connectAs('alice')
  for (const room of ['news', 'chat']) await client.ask({ type: 'join_room', room })
  await authenticate(client, tokenFor('alice', { roomcast: { 'room:news': ['join'] } }))
  const { session_id, resume_token } = client.messages[0] as Message
  client.terminate()
  await until(async () => (await request(`${server.url}/stats`)).body.connection_count === 0)
  const back = await connectAs('alice')
  const { rooms, removed } = await back.ask({ type: 'resume', session_id, resume_token })
  t.strictSame({ rooms: Object.keys(rooms), removed }, { rooms: ['news'], removed: [] })
})

for (const store of ['embedded', 'Redis']) {
  t.test(`resume finds the rooms that one may still be in, and tells of the others (${store})`, async (t) => {
    const redis: Partial<Config> =
      store === 'embedded' ? {} : { REDIS_URL: (await startRedis(t)).url, REDIS_PREFIX: randomUUID() }
    const { server, connectAs, tokenFor } = await setUp(t, { PRESENCE_GRACE: 10, ...redis })
    const watcher = await connectAs('bob')
    const client = await connectAs('alice')
    for (const room of ['news', 'chat/1', 'chat/2']) {
      await watcher.ask({ type: 'join_room', room })
      await client.ask({ type: 'join_room', room })
    }
    const { session_id, resume_token } = client.messages[0] as Message
    client.terminate()
    await until(async () => (await request(`${server.url}/stats`)).body.connection_count === 1)
    for (const room of ['news', 'chat/1']) await watcher.ask({ type: 'chat_message', room, content: room })
    const back = await server.connect()
    const resume = { type: 'resume', session_id, resume_token }
    t.match(await back.ask(resume), { code: 'unauthenticated' })
    await authenticate(back, tokenFor('alice', { roomcast: { 'room:news': ['join'] } }))
    const { rooms, removed } = await back.ask(resume)
    t.strictSame(Object.keys(rooms), ['news'])
    t.strictSame([...removed].sort(), ['chat/1', 'chat/2'])
    await back.next(({ type }) => type === 'chat_message')
    await until(async () => (await request(`${server.url}/rooms/chat%2F1`)).body.online_count === 1)
    await watcher.ask({ type: 'chat_message', room: 'chat/1', content: 'later' })
    await watcher.ask({ type: 'chat_message', room: 'news', content: 'later' })
    await until(() => chatOf(back, 'news').length === 2)
    t.strictSame(chatOf(back, 'chat/1'), [], 'nothing of what was sent meanwhile, or after')
  })
}

t.test('a session belongs to its user', async (t) => {
  const { server, connectAs } = await setUp(t)
  const client = await connectAs('alice')
  await client.ask({ type: 'join_room', room: 'r' })
  const { session_id, resume_token } = client.messages[0] as Message
  const thief = await connectAs('mallory', { roomcast: { '*': ['*'] } })
  t.match(await thief.ask({ type: 'resume', session_id, resume_token }), { code: 'session_not_found' })
  t.match((await request(`${server.url}/rooms/r/members`)).body.members, [{ user_id: 'alice' }])
})

t.test('the session of a token that expired is resumed with the next', async (t) => {
  const { clock, server, connectAs } = await setUp(t, { PRESENCE_GRACE: 10 })
  const watcher = await connectAs('bob', { exp: seconds(NOW) + 6000 })
  await watcher.ask({ type: 'join_room', room: 'r' })
  const client = await connectAs('alice', { exp: seconds(NOW) + 5 })
  await client.ask({ type: 'join_room', room: 'r' })
  const { session_id, resume_token } = client.messages[0] as Message
  clock.advance(5000)
  t.equal(await client.closed(), 4001)
  await watcher.ask({ type: 'chat_message', room: 'r', content: 'missed' })
  const back = await connectAs('alice')
  t.match(await back.ask({ type: 'resume', session_id, resume_token }), {
    type: 'ack',
    rooms: { r: { recovered: 'full' } }
  })
  t.match(await back.next(({ type }) => type === 'chat_message'), { content: 'missed' })
  t.notOk(watcher.messages.some(({ action }) => action === 'user_left'))
  t.match((await request(`${server.url}/rooms/r`)).body, { online_count: 2 })
})

t.test('a broadcast reaches those who are authenticated, and nobody else', async (t) => {
  const { server, connectAs, tokenFor } = await setUp(t)
  const [known, unknown] = [await connectAs('alice'), await server.connect()]
  await request(`${server.url}/broadcast`, { method: 'POST', body: { content: 'first' } })
  await known.next(({ type }) => type === 'broadcast')
  await authenticate(unknown, tokenFor('bob'))
  await request(`${server.url}/broadcast`, { method: 'POST', body: { content: 'second' } })
  t.match(await unknown.next(({ type }) => type === 'broadcast'), { content: 'second' })
})

t.test('the inbox comes as soon as the user is known', async (t) => {
  const { server, tokenFor } = await setUp(t)
  await request(`${server.url}/users/alice/messages`, { method: 'POST', body: { content: 'hello' } })
  const client = await server.connect()
  await client.ask({ type: 'heartbeat' })
  t.notOk(client.messages.some(({ type }) => type === 'direct_message'))
  await authenticate(client, tokenFor('alice'))
  t.match(await client.next(({ type }) => type === 'direct_message'), { content: 'hello' })
})

t.test('a connection that ends leaves nothing behind that rings later', async (t) => {
  const { clock, server, connectAs } = await setUp(t)
  const [authenticated, silent] = [await connectAs('alice'), await server.connect()]
  const connections = [...server.app.pool.all()]
  for (const client of [authenticated, silent]) client.terminate()
  await until(async () => (await request(`${server.url}/stats`)).body.connection_count === 0)
  const closes = connections.map((connection) => t.capture(connection, 'close'))
  clock.advance(10_000)
  await setImmediate()
  clock.advance(700_000)
  for (const calls of closes) t.strictSame(calls(), [])
  const other = await connectAs('bob')
  t.match(await other.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
})

t.test('in open mode a connection needs no token and has no end', async (t) => {
  const clock = new ManualClock(NOW)
  const server = await startServer(t, calm, { clock })
  const client = await server.connect()
  clock.advance(60_000)
  t.match(await client.ask({ type: 'join_room', room: 'r' }), { type: 'ack' })
})
