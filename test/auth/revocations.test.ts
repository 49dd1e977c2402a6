import { hash, randomUUID } from 'node:crypto'
import { get } from 'node:http'
import t from 'tap'
import { RevocationRegistry } from '../../src/auth/revocation-registry.js'
import type { ConnectionPool } from '../../src/connections/connection-pool.js'
import type { ControlChannel } from '../../src/control/control-channel.js'
import type { ControlEntry } from '../../src/control/control-entries.js'
import type { RetryQueue } from '../../src/presence/retry-queue.js'
import type { RoomRegistry } from '../../src/rooms/room-registry.js'
import type { Revocations } from '../../src/store/revocations.js'
import { onEachStore } from '../live/each-store.js'
import { checkError } from '../routes/wire.js'
import { RestartableRedis } from '../store/restartable-redis.js'
import type { LiveClient, LiveClientOptions, Message } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { temporaryFolder } from '../support/server-process.js'
import { SECRET, seconds, signToken } from '../support/tokens.js'
import { until } from '../support/until.js'

type Claims = Parameters<typeof signToken>[0]

const settings = { JWT_SECRET: SECRET, PRESENCE_GRACE: 60 }
const NOW = seconds(Date.now())

const tokenOf = (sub: string, claims: Claims = {}) => signToken({ sub, iat: NOW, exp: NOW + 3600, ...claims })
const bearer = (token: string): LiveClientOptions => ({ headers: { authorization: `Bearer ${token}` } })
const connectWith = (server: TestServer, token: string) => server.connect('/ws', bearer(token))
const connectAs = async (server: TestServer, sub: string, claims: Claims = {}) =>
  connectWith(server, await tokenOf(sub, claims))
const revoke = ({ url }: { url: string }, body: object) => request(`${url}/revocations`, { method: 'POST', body })
const isoOf = (second: number) => new Date(second * 1000).toISOString()
const isWell = async (client: LiveClient) => (await client.ask({ type: 'heartbeat' })).type === 'heartbeat_ack'

/** The status that the handshake is answered with; 101 where it is taken. */
async function handshake({ url }: TestServer, token: string): Promise<number> {
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  const headers = { ...upgrade, 'sec-websocket-key': 'x3JJHMbDL1EzLkh9GBhXDw==', authorization: `Bearer ${token}` }
  return await new Promise((resolve, reject) => {
    const asking = get(`${url}/ws`, { headers, agent: false })
    asking.once('response', (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    asking.once('upgrade', (_answer, socket) => {
      socket.destroy()
      resolve(101)
    })
    asking.once('error', reject)
  })
}

function credentialsOf(client: LiveClient): { session_id: string; resume_token: string } {
  const { session_id, resume_token } = client.messages[0] as Message
  return { session_id, resume_token }
}

onEachStore('a user whose tokens are revoked is out everywhere, and stays out', async (t, start) => {
  const server = await start(settings)
  const [phone, laptop] = [await connectAs(server, 'alice'), await connectAs(server, 'alice', { jti: 'laptop' })]
  const bob = await connectAs(server, 'bob')
  for (const client of [phone, laptop, bob]) await client.ask({ type: 'join_room', room: 'r' })
  const { status, body } = await revoke(server, { user_id: 'alice' })
  t.equal(status, 201)
  t.strictSame(Object.keys(body).sort(), ['expires_at', 'user_id'])
  const days = (Date.parse(body.expires_at) - Date.now()) / 86_400_000
  t.ok(days > 29.9 && days <= 30, 'for as long as a token may be valid')
  t.equal(await phone.closed(), 4501)
  t.equal(await laptop.closed(), 4501)
  t.match(await bob.next(({ action }) => action === 'user_left'), { user_id: 'alice', online_count: 1 })
  t.equal(await handshake(server, await tokenOf('alice')), 401)
  t.equal(await handshake(server, await tokenOf('alice', { iat: NOW + 10 })), 401, 'whenever it was issued')
  t.equal(await handshake(server, await tokenOf('bob')), 101)
  const late = await server.connect()
  t.match(await late.ask({ type: 'authenticate', token: await tokenOf('alice') }), { code: 'unauthenticated' })
  t.match(await late.ask({ type: 'authenticate', token: await tokenOf('bob') }), { type: 'ack' })
  t.ok(await isWell(bob))
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  t.match(metrics, /^roomcast_revocations 1$/m)
  t.match(metrics, /^roomcast_revoked_connections_total 2$/m)
})

onEachStore('a token that is revoked by its id takes along nobody else', async (t, start) => {
  const server = await start(settings)
  const lost = await connectAs(server, 'alice', { jti: 'lost phone' })
  const others = [
    await connectAs(server, 'alice', { jti: 'laptop' }),
    await connectAs(server, 'alice'),
    await connectAs(server, 'bob', { jti: 'laptop' })
  ]
  t.match(await revoke(server, { token_id: 'lost phone' }), { status: 201, body: { token_id: 'lost phone' } })
  t.equal(await lost.closed(), 4501)
  t.match(await revoke(server, { token_id: 'laptop', user_id: 'bob' }), { status: 201 })
  t.equal(await (others.pop() as LiveClient).closed(), 4501)
  for (const client of others) t.ok(await isWell(client))
  t.equal(await handshake(server, await tokenOf('alice', { jti: 'lost phone' })), 401)
  t.equal(await handshake(server, await tokenOf('alice', { jti: 'another' })), 101)
})

onEachStore('tokens from before a moment are revoked, of one user or of all', async (t, start) => {
  const server = await start(settings)
  const [old, young] = [await connectAs(server, 'alice', { iat: NOW - 60 }), await connectAs(server, 'alice')]
  const [oldBob, bare] = [await connectAs(server, 'bob', { iat: NOW - 60 }), await server.connect()]
  const timeless = await signToken({ sub: 'bob', exp: NOW + 3600 })
  t.match(await bare.ask({ type: 'authenticate', token: timeless }), { type: 'ack' })
  const answer = await revoke(server, { user_id: 'alice', issued_before: isoOf(NOW) })
  t.match(answer.body, { user_id: 'alice', issued_before: isoOf(NOW) })
  t.equal(await old.closed(), 4501)
  t.ok(await isWell(young))
  t.ok(await isWell(oldBob))
  t.equal(await handshake(server, await tokenOf('alice', { iat: NOW - 1 })), 401)
  t.equal(await handshake(server, await tokenOf('alice')), 101)
  await revoke(server, { issued_before: isoOf(NOW - 30) })
  t.equal(await oldBob.closed(), 4501)
  t.equal(await bare.closed(), 4501, 'one that does not say when')
  t.equal(await handshake(server, timeless), 401)
  t.ok(await isWell(young))
})

onEachStore('a renewal by a revoked token is refused, and one by another outlives the first', async (t, start) => {
  const server = await start(settings)
  const client = await connectAs(server, 'alice', { jti: 'first' })
  await client.ask({ type: 'join_room', room: 'r' })
  await revoke(server, { token_id: 'revoked' })
  const refused = await client.ask({ type: 'authenticate', token: await tokenOf('alice', { jti: 'revoked' }) })
  t.match(refused, { code: 'unauthenticated', message: 'The token was revoked' })
  t.ok(await isWell(client), 'the old one is in force')
  await client.ask({ type: 'authenticate', token: await tokenOf('alice', { jti: 'second' }) })
  await revoke(server, { token_id: 'first' })
  t.ok(await isWell(client))
  client.terminate()
  const back = await connectAs(server, 'alice')
  t.match(await back.ask({ type: 'resume', ...credentialsOf(client) }), { type: 'ack', rooms: { r: {} } })
  await revoke(server, { token_id: 'second' })
  t.ok(await isWell(back))
})

onEachStore('what is stored of a session names the token that is in force', async (t, start) => {
  const server = await start(settings)
  const client = await connectAs(server, 'alice', { jti: 'first' })
  await client.ask({ type: 'join_room', room: 'r' })
  await client.ask({ type: 'authenticate', token: await tokenOf('alice', { jti: 'second' }) })
  const { session_id: sessionId, resume_token } = credentialsOf(client)
  const tokenHash = hash('sha256', resume_token, 'hex')
  // As another node would find it, had this one died.
  const taken = await server.app.store.sessions.take({ sessionId, userId: null, tokenHash, nextTokenHash: 'next' })
  t.equal(taken?.session.token?.id, 'second')
})

onEachStore('a session that waits for its client is over with its token, and no other is', async (t, start) => {
  const server = await start(settings)
  const watcher = await connectAs(server, 'bob')
  const [lost, kept] = [await connectAs(server, 'alice', { jti: 'lost' }), await connectAs(server, 'alice')]
  for (const client of [watcher, lost, kept]) await client.ask({ type: 'join_room', room: 'r' })
  for (const client of [lost, kept]) client.terminate()
  await until(() => server.app.pool.size === 1)
  t.match((await request(`${server.url}/rooms/r/online`)).body, { online_count: 2, connections: 3 })
  await revoke(server, { token_id: 'lost' })
  await until(async () => (await request(`${server.url}/rooms/r/online`)).body.connections === 2)
  for (const [client, answer] of [
    [lost, { code: 'session_not_found' }],
    [kept, { type: 'ack', rooms: { r: {} } }]
  ] as const) {
    const next = await connectAs(server, 'alice', { jti: 'fresh' })
    t.match(await next.ask({ type: 'resume', ...credentialsOf(client) }), answer)
  }
})

onEachStore('a session that waits for its client goes by the time of its token', async (t, start) => {
  const server = await start(settings)
  const [old, young] = [await connectAs(server, 'alice', { iat: NOW - 60 }), await connectAs(server, 'alice')]
  for (const client of [old, young]) {
    await client.ask({ type: 'join_room', room: 'r' })
    client.terminate()
  }
  await until(() => server.app.pool.size === 0)
  await revoke(server, { issued_before: isoOf(NOW) })
  const [first, second] = [await connectAs(server, 'alice'), await connectAs(server, 'alice')]
  t.match(await first.ask({ type: 'resume', ...credentialsOf(old) }), { code: 'session_not_found' })
  t.match(await second.ask({ type: 'resume', ...credentialsOf(young) }), { type: 'ack', rooms: { r: {} } })
})

onEachStore('what is revoked is listed, page by page, and a repetition changes nothing', async (t, start) => {
  const server = await start({ ...settings, API_KEYS: 'admin:key-of-the-administrator,read:key-of-the-reader' })
  const ask = async (key: string, { path = '', ...options }: { path?: string; method?: string; body?: unknown } = {}) =>
    request(`${server.url}/revocations${path}`, { ...options, headers: { authorization: `Bearer ${key}` } })
  const admin = 'key-of-the-administrator'
  const given = [
    { user_id: 'alice' },
    { token_id: '聊天' },
    { issued_before: '2026-01-31T12:00:00.000Z' },
    { user_id: 'alice', token_id: 'x', issued_before: '2026-01-31T12:00:00.123Z' }
  ]
  for (const body of given) {
    t.match(await ask(admin, { method: 'POST', body }), { status: 201, body: { ...body, expires_at: String } })
  }
  await ask(admin, { method: 'POST', body: given[0] })
  const { body } = await ask(admin)
  const byText = (list: object[]) => list.map((one) => JSON.stringify(one)).sort()
  t.strictSame(byText(body.revocations.map(({ expires_at: _end, ...named }: Message) => named)), byText(given))
  t.equal(body.next_cursor, null)
  const first = await ask(admin, { path: '?limit=3' })
  const rest = await ask(admin, { path: `?limit=3&cursor=${encodeURIComponent(first.body.next_cursor)}` })
  t.strictSame([...first.body.revocations, ...rest.body.revocations], body.revocations)
  t.equal(rest.body.next_cursor, null)
  for (const options of [{}, { method: 'POST', body: { user_id: 'bob' } }]) {
    checkError(t, await ask('key-of-the-reader', options), [403, 'forbidden'])
    checkError(t, await ask('another-key-of-sixteen', options), [401, 'unauthenticated'])
  }
})

t.test('a body that names no tokens, or not in a valid way, is refused', async (t) => {
  const server = await startServer(t, settings)
  for (const body of [
    {},
    { other: 1 },
    { user_id: null },
    { user_id: 1 },
    { issued_before: NOW },
    { issued_before: '' },
    { issued_before: 'yesterday' },
    { issued_before: '2026-01-31' },
    { issued_before: '2026-13-31T00:00:00Z' },
    { issued_before: '2026-02-30T00:00:00Z' },
    { issued_before: '2026-01-31T24:00:00Z' },
    { token_id: 7 },
    []
  ]) {
    checkError(t, await revoke(server, body), [400, 'invalid_message'], { title: JSON.stringify(body) })
  }
  for (const body of [{ user_id: '' }, { user_id: 'anonymous:x' }, { token_id: '' }, { token_id: 'x'.repeat(129) }]) {
    checkError(t, await revoke(server, body), [400, 'invalid_id'], { title: JSON.stringify(body) })
  }
  t.same((await request(`${server.url}/revocations`)).body.revocations, [])
  t.match(await revoke(server, { issued_before: '2020-01-31T01:00+01:00' }), {
    body: { issued_before: '2020-01-31T00:00:00.000Z' }
  })
})

t.test('they are told in full, and nothing beside the log is printed', async (t) => {
  const server = await startServer(t, settings)
  const printed = (['log', 'info', 'warn', 'error'] as const).map((name) => t.capture(console, name))
  await revoke(server, { user_id: 'alice', token_id: '1', issued_before: isoOf(NOW) })
  const { body } = await request(`${server.url}/revocations`)
  t.match(body.revocations, [{ user_id: 'alice', token_id: '1', issued_before: isoOf(NOW), expires_at: String }])
  t.strictSame(
    printed.flatMap((calls) => calls()),
    []
  )
})

t.test('in open mode there are no tokens, and nobody is closed', async (t) => {
  const server = await startServer(t)
  const alice = await server.connect('/ws?user_id=alice')
  await revoke(server, { user_id: 'alice' })
  await revoke(server, { issued_before: isoOf(NOW + 60) })
  t.ok(await isWell(alice))
})

t.test('a revocation ends after thirty days, when the tokens have expired by themselves', async (t) => {
  const clock = new ManualClock(NOW * 1000)
  const server = await startServer(t, settings, { clock })
  await revoke(server, { user_id: 'alice' })
  clock.jump(30 * 86_400_000 - 1)
  const token = await tokenOf('alice', { exp: NOW + 31 * 86_400 })
  t.equal(await handshake(server, token), 401)
  clock.jump(1)
  t.same((await request(`${server.url}/revocations`)).body.revocations, [])
  t.equal(await handshake(server, token), 101)
})

t.test('revocations outlive the process', async (t) => {
  const DATA_DIR = await temporaryFolder(t)
  const before = await startServer(t, { ...settings, DATA_DIR })
  await revoke(before, { token_id: 'lost' })
  await before.app.close()
  const after = await startServer(t, { ...settings, DATA_DIR })
  t.equal(await handshake(after, await tokenOf('alice', { jti: 'lost' })), 401)
  t.equal(await handshake(after, await tokenOf('alice')), 101)
})

t.test('every node takes part: those that are there, one that missed it, one that comes later', async (t) => {
  const redis = await startRedis(t)
  const shared = { ...settings, REDIS_URL: redis.url, REDIS_PREFIX: randomUUID() }
  const [near, far] = [await startServer(t, shared), await startServer(t, shared)] as const
  const [first, second] = [await connectAs(far, 'alice', { jti: '1' }), await connectAs(far, 'alice', { jti: '2' })]
  await revoke(near, { token_id: '1' })
  t.equal(await first.closed(), 4501)
  // Deaf: the node hears nothing of what is published from here on.
  const { subscriber } = far.app.redis as unknown as { subscriber: { removeAllListeners(event: string): void } }
  subscriber.removeAllListeners('messageBuffer')
  await revoke(near, { token_id: '2' })
  await far.app.messageBus.lookAtTops()
  t.equal(await second.closed(), 4501)
  const late = await startServer(t, shared)
  for (const server of [near, far, late]) {
    for (const jti of ['1', '2']) t.equal(await handshake(server, await tokenOf('alice', { jti })), 401)
    t.equal(await handshake(server, await tokenOf('alice')), 101)
  }
})

t.test('what a Redis has lost of them its nodes write again', async (t) => {
  const redis = await RestartableRedis.start(t)
  const shared = { ...settings, LOG_LEVEL: 'silent', REDIS_URL: redis.url, REDIS_PREFIX: randomUUID() }
  const near = await startServer(t, shared)
  await revoke(near, { token_id: 'lost' })
  await redis.kill()
  await until(() => !near.app.recovery.readiness().ready)
  t.equal(await handshake(near, await tokenOf('alice', { jti: 'lost' })), 401, 'also while it is away')
  // It comes back with nothing.
  await redis.restart()
  await until(() => near.app.recovery.readiness().ready)
  await until(async () => (await near.app.store.revocations.list({ limit: 10 })).revocations.length === 1)
  const late = await startServer(t, shared)
  t.equal(await handshake(late, await tokenOf('alice', { jti: 'lost' })), 401)
})

t.test('whoever revokes does not wait until thousands have left', async (t) => {
  const clock = new ManualClock()
  let looked = 0
  const someone = {
    get closed() {
      looked++
      return true
    }
  }
  const registry = new RevocationRegistry({
    revocations: { record: async () => {} } as unknown as Revocations,
    control: {
      subscribe: () => {},
      announce: async (entry: ControlEntry) => await registry.apply(entry)
    } as unknown as ControlChannel,
    pool: { all: () => Array.from({ length: 100_000 }, () => someone) } as unknown as ConnectionPool,
    rooms: { endGraceWhere: () => {} } as unknown as RoomRegistry,
    retries: {} as RetryQueue,
    clock,
    onRevoked: () => {}
  })
  t.teardown(() => registry.close())
  const revoked = registry.revoke({ tokenId: 'lost phone' })
  await until(() => looked > 0)
  clock.advance(1000)
  await revoked
  t.ok(registry.isRevoked({ userId: 'alice', tokenId: 'lost phone' }), 'its token is taken no more')
  t.ok(looked < 100_000)
  await until(() => looked === 100_000)
})
