import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { Config } from '../../src/config.js'
import { resources } from '../../src/connections/allowance.js'
import { holders, operations } from '../../src/connections/refusals.js'
import { errorTable } from '../../src/errors.js'
import { CloseCode } from '../../src/protocol/close-codes.js'
import { handshake } from '../live/raw-socket.js'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer } from '../support/server.js'
import { SECRET, seconds, signToken } from '../support/tokens.js'

/** A server on which no time passes: what is used up stays so. */
async function setUp(t: Test, settings: Partial<Config>) {
  const clock = new ManualClock()
  const server = await startServer(t, { RATE_LIMIT_BURST: 10, ...settings }, { clock })
  const { limits } = server.app.limiter.refusals
  return { clock, server, limits }
}

const refused = (retry_after_ms: number) => ({ type: 'error', code: 'rate_limited', retry_after_ms })
const beat = { type: 'heartbeat' }

t.test('one message too many of a connection', async (t) => {
  const { clock, server, limits } = await setUp(t, {})
  const client = await server.connect()
  for (let n = 0; n < 10; n++) t.match(await client.ask(beat), { type: 'heartbeat_ack' })
  t.match(await client.ask(beat), refused(10))
  t.equal(limits.connection_messages, 1)
  clock.advance(11)
  t.match(await client.ask(beat), { type: 'heartbeat_ack' })
})

t.test('one byte too many of a connection', async (t) => {
  const { clock, server, limits } = await setUp(t, { RATE_LIMIT_BYTES_PER_SECOND: 100 })
  const client = await server.connect()
  t.match(await client.ask({ ...beat, pad: 'x'.repeat(250) }), { type: 'heartbeat_ack' }, 'it goes through as a whole')
  t.match(await client.ask(beat), { type: 'error', code: 'rate_limited' })
  t.equal(limits.connection_bytes, 1)
  clock.advance(2000)
  t.match(await client.ask(beat), { type: 'heartbeat_ack' })
})

t.test('one delivery too many of what a connection publishes, signals included', async (t) => {
  const { clock, server, limits } = await setUp(t, { RATE_LIMIT_DELIVERIES_PER_SECOND: 2, RATE_LIMIT_USER_FACTOR: 0 })
  const client = await server.connect('/ws?user_id=alice')
  for (const name of ['bob', 'carol', 'dave', 'eve']) {
    t.match(await (await server.connect(`/ws?user_id=${name}`)).ask({ type: 'join_room', room: 'r' }), { type: 'ack' })
  }
  const say = { type: 'chat_message', room: 'r', content: 1 }
  t.match(await client.ask({ ...say, room: 'empty' }), { type: 'ack' }, 'what nobody hears costs nothing')
  t.match(await client.ask(say), { type: 'ack' })
  t.match(await client.ask(say), { code: 'rate_limited', retry_after_ms: 1 })
  t.match(await client.ask({ type: 'signal', room: 'r', content: 1 }), { code: 'rate_limited' })
  t.equal(limits.connection_deliveries, 2)
  clock.advance(10)
  t.match(await client.ask(say), { type: 'ack' })
})

t.test('operations that cost more have rates of their own', async (t) => {
  const { server, limits } = await setUp(t, { RATE_LIMIT_BURST: 50, JWT_SECRET: SECRET })
  const client = await server.connect()
  for (let n = 0; n < 10; n++)
    t.match(await client.ask({ type: 'authenticate', token: 'x' }), { code: 'unauthenticated' })
  const exp = seconds(Date.UTC(2026, 0, 1)) + 60
  const token = await signToken({ sub: 'alice', exp })
  t.match(await client.ask({ type: 'authenticate', token }), refused(200))
  t.equal(limits.connection_authenticate, 1)
  t.match(await client.ask(beat), { code: 'unauthenticated' }, 'other messages still come')
})

t.test('one message too many of a user on many connections, and of one who comes back', async (t) => {
  const { server, limits } = await setUp(t, { RATE_LIMIT_USER_FACTOR: 2 })
  const one = await server.connect('/ws?user_id=alice')
  const two = await server.connect('/ws?user_id=alice')
  for (let n = 0; n < 10; n++) await (n % 2 === 0 ? one : two).ask(beat)
  t.match(await two.ask(beat), refused(5), 'ten for two connections, and ten messages')
  t.equal(limits.user_messages, 1)
  one.terminate()
  t.match(await handshake(t, server.url, { path: '/ws?user_id=alice' }), {
    status: 429,
    body: { code: 'rate_limited' }
  })
  t.equal(server.app.counters.refusedHandshakes.rate, 1)
  t.match(await (await server.connect('/ws?user_id=bob')).ask(beat), { type: 'heartbeat_ack' })
})

t.test('one handshake too many of a user that its token names', async (t) => {
  const { server } = await setUp(t, { JWT_SECRET: SECRET, RATE_LIMIT_USER_FACTOR: 1 })
  const exp = seconds(Date.UTC(2026, 0, 1)) + 60
  const [alice, bob] = [await signToken({ sub: 'alice', exp }), await signToken({ sub: 'bob', exp })]
  const options = { headers: { authorization: `Bearer ${alice}` } }
  for (let n = 0; n < 2; n++) await server.connect('/ws', options)
  t.match(await handshake(t, server.url, options), { status: 429, body: { code: 'rate_limited' } })
  await server.connect('/ws', { headers: { authorization: `Bearer ${bob}` } })
})

t.test(
  'a name that anybody may use is not counted by, unless that is asked for; deliveries follow the messages',
  async (t) => {
    const open = (await setUp(t, {})).server.app.limiter
    t.equal(open.users, undefined)
    t.equal(open.rates.deliveries, open.rates.messages * 1000)
    t.ok((await setUp(t, { JWT_SECRET: SECRET })).server.app.limiter.users)
    t.ok((await setUp(t, { RATE_LIMIT_USER_FACTOR: 2 })).server.app.limiter.users)
  }
)

t.test('one message, and one handshake, too many of an address, behind a proxy that is trusted', async (t) => {
  const settings = { RATE_LIMIT_IP_FACTOR: 1, RATE_LIMIT_USER_FACTOR: 0, TRUST_PROXY: '127.0.0.0/8' }
  const { server, limits } = await setUp(t, settings)
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
  const client = await server.connect('/ws', from('192.0.2.1'))
  for (let n = 0; n < 5; n++) t.match(await client.ask(beat), { type: 'heartbeat_ack' })
  t.match(await client.ask(beat), refused(10))
  t.equal(limits.address_messages, 1)
  const again = await handshake(t, server.url, from('192.0.2.1'))
  t.match(again, { status: 429, headers: { 'retry-after': '1' }, body: { code: 'rate_limited', retry_after_ms: 10 } })
  t.match(await (await server.connect('/ws', from('192.0.2.2'))).ask(beat), { type: 'heartbeat_ack' })
  const six = await server.connect('/ws', from('2001:db8:1:2::1'))
  for (let n = 0; n < 5; n++) await six.ask(beat)
  t.match(await handshake(t, server.url, from('2001:db8:1:2::2')), { status: 429 }, 'one network')
})

t.test('X-Forwarded-For of a peer that is not trusted changes nothing', async (t) => {
  for (const TRUST_PROXY of ['', '192.0.2.0/24']) {
    const { server } = await setUp(t, { MAX_CONNECTIONS_PER_IP: 2, TRUST_PROXY })
    for (let n = 0; n < 2; n++) await server.connect('/ws', { headers: { 'x-forwarded-for': `192.0.2.${n}` } })
    const refusal = await handshake(t, server.url, { headers: { 'x-forwarded-for': '192.0.2.9' } })
    t.match(refusal, { status: 429, body: { code: 'too_many_connections', retry_after_ms: 5000 } })
  }
})

t.test('the budget of handshakes comes before their tokens', async (t) => {
  const { server } = await setUp(t, { HANDSHAKES_PER_SECOND: 1, JWT_SECRET: SECRET })
  const headers = { authorization: 'Bearer x' }
  const statuses = []
  for (let n = 0; n < 4; n++) statuses.push((await handshake(t, server.url, { headers })).status)
  t.strictSame(statuses, [401, 401, 503, 503])
  t.match(server.app.counters.refusedHandshakes, { token: 2, budget: 2 })
})

t.test('a full node looks at no token', async (t) => {
  const { server } = await setUp(t, { MAX_CONNECTIONS: 0, JWT_SECRET: SECRET })
  const answer = await handshake(t, server.url, { headers: { authorization: 'Bearer x' } })
  t.match(answer, { status: 503, body: { code: 'overloaded' } })
})

t.test('one byte too many waits for all connections: the worst is closed with 4003', async (t) => {
  const { clock, server } = await setUp(t, { MAX_BUFFERED_BYTES: 1_000_000, RATE_LIMIT_PER_SECOND: 0 })
  const [worst, other] = [await server.connect(), await server.connect()]
  const closed = new Promise((resolve) => worst.socket.once('close', resolve))
  worst.socket.pause()
  const [connection] = [...server.app.pool.all()]
  // More than the buffers of the system take.
  const noise = Buffer.from(JSON.stringify({ type: 'noise', pad: 'x'.repeat(1_000_000) }))
  for (let n = 0; n < 40; n++) connection?.outbox.pushPayload(noise)
  connection?.outbox.endTurn()
  clock.advance(100)
  t.equal(server.app.limiter.refusals.closes.Shed, 1)
  t.equal(server.app.pool.size, 1)
  clock.advance(1000)
  worst.socket.resume()
  await closed
  t.match(await other.ask(beat), { type: 'heartbeat_ack' })
  t.equal(other.socket.readyState, WebSocket.OPEN)
})

t.test('every refusal has a series in the metrics, before it ever happens', async (t) => {
  const { server } = await setUp(t, {})
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  const has = (name: string, reason: string) =>
    t.ok(metrics.includes(`roomcast_${name}_total{reason="${reason}"} 0\n`), `${name} ${reason}`)
  for (const code of Object.keys(errorTable)) {
    has('refused_messages', code)
    has('refused_requests', code)
  }
  for (const name of Object.keys(CloseCode)) has('closed_connections', name)
  for (const reason of Object.keys(server.app.counters.refusedHandshakes)) has('refused_handshakes', reason)
  for (const holder of holders) for (const resource of resources) has('rate_limited', `${holder}_${resource}`)
  for (const operation of operations) has('rate_limited', `connection_${operation}`)
})

t.test('what is refused is counted by its code', async (t) => {
  const { server } = await setUp(t, { MAX_ROOMS_PER_CONNECTION: 1 })
  const client = await server.connect('/ws?user_id=alice')
  for (const room of ['a', 'b']) await client.ask({ type: 'join_room', room })
  await client.ask({ type: 'dance' })
  await request(`${server.url}/rooms/r/messages`, { method: 'POST', body: {} })
  await handshake(t, server.url, { path: '/ws?user_id=..' })
  const { commands, requests } = server.app.limiter.refusals
  t.match(commands, { too_many_rooms: 1, unknown_type: 1 })
  t.match(requests, { invalid_message: 1, invalid_id: 1 })
})
