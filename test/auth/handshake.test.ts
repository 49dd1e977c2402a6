import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { Config } from '../../src/config.js'
import { handshake } from '../live/raw-socket.js'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer } from '../support/server.js'
import { forgeToken, hmac, SECRET, seconds, signToken } from '../support/tokens.js'
import { until } from '../support/until.js'

const NOW = Date.UTC(2026, 0, 1)

async function setUp(t: Test, settings: Partial<Config> = {}) {
  const clock = new ManualClock(NOW)
  const server = await startServer(t, { JWT_SECRET: SECRET, ...settings }, { clock })
  const tokenFor = (sub: string, more: object = {}) => signToken({ sub, exp: seconds(NOW) + 600, ...more })
  return { clock, server, tokenFor, token: await tokenFor('alice') }
}

t.test('a token comes in the header or after the subprotocol, and the welcome names its user', async (t) => {
  const { server, token } = await setUp(t)
  const ways = [
    { headers: { authorization: `Bearer ${token}` } },
    { protocols: ['roomcast.v1', `bearer.${token}`] },
    { protocols: ['roomcast.v1.ndjson', `bearer.${token}`] }
  ]
  for (const options of ways) {
    const client = await server.connect('/ws', options)
    t.match(client.messages[0], { action: 'connected', user_id: 'alice' })
    t.match(await client.ask({ type: 'join_room', room: 'r' }), { type: 'ack' })
    t.equal(client.socket.protocol, options.protocols?.[0] ?? '', 'only the protocol is echoed')
  }
  t.match((await server.connect('/', ways[0])).messages[0], { user_id: 'alice' }, 'the other path')
})

t.test('a refused token is 401 before the upgrade, wherever it stands', async (t) => {
  const { server, token, tokenFor } = await setUp(t)
  const wrong = [
    '',
    'x',
    `${token}x`,
    forgeToken({ alg: 'none' }, { sub: 'alice', exp: seconds(NOW) + 600 }),
    forgeToken({ alg: 'HS256' }, { sub: 'alice' }, hmac('sha256', SECRET)),
    await tokenFor('alice', { exp: seconds(NOW) - 1 }),
    await tokenFor('anonymous:1')
  ]
  for (const bad of wrong) {
    for (const headers of [
      { authorization: `Bearer ${bad}` },
      { 'sec-websocket-protocol': `roomcast.v1, bearer.${bad}` }
    ] as Array<Record<string, string>>) {
      const { status, body, headers: answered, socket } = await handshake(t, server.url, { headers })
      t.match({ status, body }, { status: 401, body: { statusCode: 401, code: 'unauthenticated' } }, bad)
      t.match(answered['www-authenticate'], /^Bearer/)
      t.equal(socket, undefined)
    }
  }
  t.equal(server.app.counters.refusedHandshakes.token, wrong.length * 2)
})

t.test('a token in the query counts only where that is allowed', async (t) => {
  const { server, token } = await setUp(t)
  t.match((await server.connect(`/ws?token=${token}`)).messages[0], { user_id: null })
  t.equal((await handshake(t, server.url, { path: '/ws?token=x' })).status, 101, 'not even looked at')
  const open = await setUp(t, { TOKEN_IN_QUERY: true })
  t.match((await open.server.connect(`/ws?token=${open.token}`)).messages[0], { user_id: 'alice' })
  for (const query of ['token=x', 'token=', `token=${open.token}&token=${open.token}`]) {
    t.equal((await handshake(t, open.server.url, { path: `/ws?${query}` })).status, 401, query)
  }
  const headers = { authorization: `Bearer ${await open.tokenFor('bob')}` }
  t.match(
    (await open.server.connect(`/ws?token=x`, { headers })).messages[0],
    { user_id: 'bob' },
    'the header goes before'
  )
})

t.test('a user_id in the query has to be the token’s: else it is 400', async (t) => {
  const { server, token, tokenFor } = await setUp(t)
  const headers = { authorization: `Bearer ${token}` }
  t.match((await server.connect('/ws?user_id=alice', { headers })).messages[0], { user_id: 'alice' })
  const { status, body } = await handshake(t, server.url, { path: '/ws?user_id=bob', headers })
  t.match({ status, body }, { status: 400, body: { code: 'user_mismatch' } })
  const late = await server.connect('/ws?user_id=bob')
  t.match(late.messages[0], { user_id: null }, 'a name alone is nobody')
  t.match(await late.ask({ type: 'join_room', room: 'r' }), { code: 'unauthenticated' })
  t.match(await late.ask({ type: 'authenticate', token }), { code: 'user_mismatch' })
  t.match(await late.ask({ type: 'authenticate', token: await tokenFor('bob') }), { type: 'ack', user_id: 'bob' })
})

t.test('the limits hold for the user of a token, also for handshakes at the same moment', async (t) => {
  const { server, token, tokenFor } = await setUp(t, { MAX_CONNECTIONS_PER_USER: 5 })
  const headers = { authorization: `Bearer ${token}` }
  const asked = Array.from({ length: 20 }, () => handshake(t, server.url, { headers }))
  const statuses = (await Promise.all(asked)).map(({ status }) => status)
  t.equal(statuses.filter((status) => status === 101).length, 5)
  t.equal(statuses.filter((status) => status === 429).length, 15)
  const late = await server.connect()
  t.match(await late.ask({ type: 'authenticate', token }), { code: 'too_many_connections' })
  t.match(await late.ask({ type: 'heartbeat' }), { code: 'unauthenticated' })
  t.match(await late.ask({ type: 'authenticate', token: await tokenFor('bob') }), { type: 'ack' })
  const named = await handshake(t, server.url, { path: '/ws?user_id=alice' })
  t.equal(named.status, 101, 'a name alone is nobody, and learns nothing of whose it is')
  const full = await setUp(t, { MAX_CONNECTIONS: 5 })
  const all = Array.from({ length: 20 }, () => handshake(t, full.server.url, { headers }))
  t.equal((await Promise.all(all)).filter(({ status }) => status === 101).length, 5)
})

t.test('a page of another origin is refused before its token is looked at', async (t) => {
  const { server, token } = await setUp(t)
  for (const given of [token, 'x']) {
    const headers = { origin: 'https://evil.example', authorization: `Bearer ${given}` }
    t.equal((await handshake(t, server.url, { headers })).status, 403)
  }
})

t.test('in open mode nobody looks at a token', async (t) => {
  const server = await startServer(t)
  const client = await server.connect('/ws?user_id=alice', { headers: { authorization: 'Bearer x' } })
  t.match(client.messages[0], { user_id: 'alice' })
  t.match(await client.ask({ type: 'authenticate', token: 'x' }), { type: 'error', code: 'unauthenticated' })
  t.match(await client.ask({ type: 'join_room', room: 'r' }), { type: 'ack' })
})

t.test('the server of the keys that hangs makes a handshake 503 in time, and does not stop others', async (t) => {
  const hanging = createServer(() => arrive())
  let arrive = () => {}
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  hanging.listen(0, '127.0.0.1')
  await once(hanging, 'listening')
  t.teardown(() => {
    hanging.closeAllConnections()
    hanging.close()
  })
  const { port } = hanging.address() as AddressInfo
  const { server, clock, token } = await setUp(t, { JWT_JWKS_URL: `http://127.0.0.1:${port}/` })
  const signed = forgeToken({ alg: 'ES256', kid: 'k' }, { sub: 'alice', exp: seconds(NOW) + 60 }, () => 'AAAA')
  const asking = handshake(t, server.url, { headers: { authorization: `Bearer ${signed}` } })
  await arrived
  t.match((await server.connect('/ws', { headers: { authorization: `Bearer ${token}` } })).messages[0], {
    user_id: 'alice'
  })
  clock.advance(2000)
  const { status, headers, body } = await asking
  t.match({ status, body }, { status: 503, body: { code: 'store_unavailable' } })
  t.match(headers['retry-after'], /^[1-9]\d*$/)
})

t.test('no token is ever logged, nor shown in the metrics', async (t) => {
  const { server, token, tokenFor } = await setUp(t, { TOKEN_IN_QUERY: true, LOG_LEVEL: 'trace' })
  const written: string[] = []
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
    written.push(String(chunk))
    return write('', ...rest)
  }) as typeof process.stdout.write
  t.teardown(() => {
    process.stdout.write = write
  })
  const bad = await tokenFor('mallory', { exp: seconds(NOW) - 1 })
  for (const secret of [token, bad]) {
    await handshake(t, server.url, { path: `/ws?token=${secret}` })
    await handshake(t, server.url, { path: `/elsewhere?token=${secret}` })
    await handshake(t, server.url, { headers: { authorization: `Bearer ${secret}` } })
    await handshake(t, server.url, { headers: { 'sec-websocket-protocol': `roomcast.v1, bearer.${secret}` } })
    await request(`${server.url}/rooms?token=${secret}`)
    await request(`${server.url}/nowhere/${secret}`)
  }
  const client = await server.connect()
  for (const secret of [bad, token, bad]) await client.ask({ type: 'authenticate', token: secret })
  client.send({ type: 'authenticate', token: bad, id: 7 })
  client.raw(`{"type":"authenticate","token":"${bad}"`)
  await client.ask({ type: 'heartbeat' })
  await until(() => client.messages.filter(({ type }) => type === 'error').length === 4)
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  const [, secretPart = ''] = bad.split('.')
  for (const [where, text] of [
    ['the log', written.join('')],
    ['the metrics', metrics],
    ['what clients hear', JSON.stringify(client.messages)]
  ] as const) {
    for (const secret of [token, bad, secretPart]) t.notOk(text.includes(secret), where)
  }
})

t.test('a node that begins to drain while a token is looked at takes nobody in', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET })
  const { authenticator, live } = server.app
  const verify = authenticator.verify.bind(authenticator)
  authenticator.verify = async (token) => {
    const grant = await verify(token)
    void live.drain()
    return grant
  }
  const token = await signToken({ sub: 'alice', exp: seconds(Date.now()) + 60 })
  const answer = await handshake(t, server.url, { headers: { authorization: `Bearer ${token}` } })
  t.match(answer, { status: 503, body: { code: 'draining' } })
})
