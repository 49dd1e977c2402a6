import { createConnection } from 'node:net'
import t from 'tap'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'
import { onEachStore } from './each-store.js'
import { handshake, openRaw } from './raw-socket.js'

t.setTimeout(150_000)

onEachStore(
  'a full node answers 503 with Retry-After before the upgrade, and takes others when there is room',
  async (t, start) => {
    const server = await start({ MAX_CONNECTIONS: 2 })
    const [first] = [await server.connect(), await server.connect()]
    const { status, headers, body, socket } = await handshake(t, server.url)
    t.equal(status, 503)
    t.equal(socket, undefined)
    t.match(headers['retry-after'], /^[1-9]\d*$/)
    t.match(body, { statusCode: 503, error: 'Service Unavailable', code: 'overloaded', message: String })
    t.type(body.retry_after_ms, 'number')
    t.equal((await request(`${server.url}/health/live`)).status, 200, 'other requests are answered')
    first?.terminate()
    await until(async () => (await request(`${server.url}/stats`)).body.connection_count === 1)
    t.equal((await handshake(t, server.url)).status, 101)
  }
)

t.test('handshakes at the same moment do not overshoot the limits', async (t) => {
  for (const limit of [{ MAX_CONNECTIONS: 5 }, { MAX_CONNECTIONS_PER_IP: 5 }, { MAX_CONNECTIONS_PER_USER: 5 }]) {
    const server = await startServer(t, limit)
    const asked = Array.from({ length: 30 }, () => handshake(t, server.url, { path: '/ws?user_id=alice' }))
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    t.equal(statuses.filter((status) => status === 101).length, 5, JSON.stringify(limit))
  }
})

t.test('an address over its limit gets 429 with Retry-After', async (t) => {
  const server = await startServer(t, { MAX_CONNECTIONS_PER_IP: 1 })
  await server.connect()
  const { status, headers, body } = await handshake(t, server.url)
  t.equal(status, 429)
  t.match(headers['retry-after'], /^[1-9]\d*$/)
  t.match(body, { statusCode: 429, error: 'Too Many Requests', code: 'too_many_connections' })
})

t.test('the address behind a trusted proxy counts, and nobody else is believed', async (t) => {
  const forwarded = (address: string) => ({ headers: { 'x-forwarded-for': address } })
  const behind = await startServer(t, { MAX_CONNECTIONS_PER_IP: 1, TRUST_PROXY: '127.0.0.1' })
  t.equal((await handshake(t, behind.url, forwarded('192.0.2.1'))).status, 101)
  t.equal((await handshake(t, behind.url, forwarded('192.0.2.2'))).status, 101)
  t.equal((await handshake(t, behind.url, forwarded('192.0.2.1'))).status, 429)
  const direct = await startServer(t, { MAX_CONNECTIONS_PER_IP: 1 })
  t.equal((await handshake(t, direct.url, forwarded('192.0.2.1'))).status, 101)
  t.equal((await handshake(t, direct.url, forwarded('192.0.2.2'))).status, 429)
})

onEachStore(
  'a user over the limit gets 429, by the handshake or as an error of the first message',
  async (t, start) => {
    const server = await start({ MAX_CONNECTIONS_PER_USER: 2 })
    const [first] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=alice')]
    const refused = await handshake(t, server.url, { path: '/ws?user_id=alice' })
    t.match(refused, { status: 429, body: { code: 'too_many_connections' } })
    t.match(refused.headers['retry-after'], /^[1-9]\d*$/)
    t.equal((await handshake(t, server.url, { path: '/ws?user_id=bob' })).status, 101)
    const late = await server.connect()
    const join = { type: 'join_room', room: 'r', user_id: 'alice' }
    t.match(await late.ask(join), { type: 'error', code: 'too_many_connections' })
    t.match((await request(`${server.url}/rooms/r`)).body, { online_count: 0 })
    first?.terminate()
    await until(async () => (await late.ask(join)).type === 'ack')
  }
)

const origins: Array<[allowed: string | undefined, origin: string | undefined, status: number]> = [
  [undefined, undefined, 101],
  [undefined, 'OWN', 101],
  [undefined, 'https://evil.example', 403],
  [undefined, 'null', 403],
  [undefined, '', 403],
  [undefined, 'http://127.0.0.1:1', 403],
  [undefined, 'http://localhost', 403],
  [undefined, 'file://', 403],
  ['https://app.example.com, https://b.example', undefined, 101],
  ['https://app.example.com, https://b.example', 'https://app.example.com', 101],
  ['https://app.example.com, https://b.example', 'https://b.example', 101],
  ['https://app.example.com', 'http://app.example.com', 403],
  ['https://app.example.com', 'https://app.example.com.evil.example', 403],
  ['https://app.example.com', 'https://app.example.com:8443', 403],
  ['https://app.example.com', 'OWN', 403]
]

t.test('only pages of allowed origins may connect, at both paths', async (t) => {
  for (const [allowed, origin, status] of origins) {
    const server = await startServer(t, allowed === undefined ? {} : { ALLOWED_ORIGINS: allowed })
    const headers: Record<string, string> =
      origin === undefined ? {} : { origin: origin === 'OWN' ? server.url : origin }
    for (const path of ['/ws', '/']) {
      const answer = await handshake(t, server.url, { path, headers })
      t.equal(answer.status, status, `${origin} with ${allowed} at ${path}`)
      if (status === 403) t.match(answer.body, { statusCode: 403, code: 'forbidden' })
    }
  }
})

t.test('an unguarded server on loopback answers only to loopback names', async (t) => {
  const server = await startServer(t)
  const { port } = new URL(server.url)
  for (const [host, status] of [
    [`127.0.0.1:${port}`, 101],
    [`localhost:${port}`, 101],
    [`[::1]:${port}`, 101],
    ['LOCALHOST', 101],
    [`evil.example:${port}`, 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example', 403],
    ['0.0.0.0', 403],
    [`192.0.2.1:${port}`, 403]
  ] as const) {
    t.equal((await handshake(t, server.url, { headers: { host } })).status, status, host)
  }
  t.match(await handshake(t, server.url, { headers: { host: 'evil.example', origin: 'http://evil.example' } }), {
    status: 403
  })
})

t.test('a peer that asks for an upgrade and resets the line at once harms nobody', async (t) => {
  const server = await startServer(t)
  const { port } = new URL(server.url)
  for (let n = 0; n < 50; n++) {
    const socket = createConnection(Number(port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(
      `GET /ws?user_id=u${n} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      () => socket.resetAndDestroy()
    )
  }
  const client = await server.connect()
  t.equal((await client.ask({ type: 'heartbeat' })).type, 'heartbeat_ack')
  await until(async () => (await request(`${server.url}/online`)).body.connections === 1)
  await until(async () => (await request(`${server.url}/online`)).body.users === 0)
})

t.test('a handshake that is none is refused, and the server lives', async (t) => {
  const server = await startServer(t)
  for (const headers of [
    { 'sec-websocket-version': '12' },
    { 'sec-websocket-key': 'short' },
    { 'sec-websocket-protocol': 'a,,b' },
    { upgrade: 'h2c' }
  ] as Array<Record<string, string>>) {
    const { status, socket } = await handshake(t, server.url, { headers })
    t.ok(status >= 200 && status < 500 && socket === undefined, `${JSON.stringify(headers)}: ${status}`)
  }
  const raw = await openRaw(t, server.url)
  await until(() => raw.messages.length === 1)
})
