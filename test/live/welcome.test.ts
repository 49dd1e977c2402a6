import { connect, type Socket } from 'node:net'
import t from 'tap'
import { request, startServer } from '../support/server.js'
import { type SocketWrite, watchWrites } from '../support/socket-writes.js'
import { until } from '../support/until.js'
import { allAnswered, isoWithMilliseconds, onEachStore } from './each-store.js'
import { handshake, openRaw } from './raw-socket.js'

t.setTimeout(150_000)

t.test('the welcome is the first message and has exactly the documented fields', async (t) => {
  const server = await startServer(t, { HEARTBEAT_INTERVAL: 7 })
  for (const path of ['/ws', '/']) {
    const client = await server.connect(path)
    const { connection_id, session_id, resume_token, timestamp, ...rest } = client.messages[0] ?? {}
    t.strictSame(rest, {
      type: 'system',
      action: 'connected',
      message: '连接成功',
      user_id: null,
      heartbeat_interval_ms: 7000
    })
    t.match(timestamp, isoWithMilliseconds)
    t.type(connection_id, 'string')
    t.type(session_id, 'string')
    t.match(resume_token, /^[\w-]{43}$/, '256 random bits')
  }
})

t.test('the welcome comes together with the answer to the handshake', async (t) => {
  const server = await startServer(t)
  const { port } = new URL(server.url)
  const writes: SocketWrite[][] = []
  server.app.server.prependListener('connection', (accepted: Socket) => writes.push(watchWrites(accepted)))
  const socket = connect(Number(port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  const lines = ['GET /ws HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Connection: Upgrade', 'Upgrade: websocket']
  const asked = [...lines, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', '', '']
  socket.write(asked.join('\r\n'))
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes
  })
  await until(() => answer.includes('"action":"connected"'))
  t.match(answer, /^HTTP\/1\.1 101 /)
  t.equal(writes.flat().length, 1)
})

t.test(
  'sessions that begin one after the other have ids in that order: the store writes them side by side',
  async (t) => {
    const server = await startServer(t)
    const ids: string[] = []
    for (let n = 0; n < 5; n++) ids.push((await server.connect()).messages[0]?.session_id)
    t.strictSame([...ids].sort(), ids)
  }
)

t.test('the welcome comes before the answers to what was sent together with the handshake', async (t) => {
  const server = await startServer(t)
  const client = await openRaw(t, server.url)
  client.send({ type: 'heartbeat' })
  client.send({ id: 'a', type: 'leave_room', room: 'r' })
  while (client.messages.length < 3) await new Promise((resolve) => client.socket.once('data', resolve))
  t.strictSame(
    client.messages.map(({ type, action }) => action ?? type),
    ['connected', 'heartbeat_ack', 'ack']
  )
})

t.test('the welcome names the user of the handshake, and each connection has its own id', async (t) => {
  const server = await startServer(t)
  const one = await server.connect('/ws?user_id=alice')
  const two = await server.connect('/?user_id=%E8%81%8A%E5%A4%A9%20%2F1')
  t.equal(one.messages[0]?.user_id, 'alice')
  t.equal(two.messages[0]?.user_id, '聊天 /1')
  t.not(one.messages[0]?.connection_id, two.messages[0]?.connection_id)
})

const badNames = {
  'of no letters': '',
  'of 129 bytes': 'a'.repeat(129),
  'of 43 letters and 129 bytes': '聊'.repeat(43),
  'that is a dot': '.',
  'that is two dots': '..',
  'with a line feed': 'a\nb',
  'with a NUL': 'a\u0000b',
  'with a delete character': 'a\u007fb'
}

for (const [kind, name] of Object.entries(badNames)) {
  t.test(`a user_id or device_id ${kind} in the query is refused with 400 before the upgrade`, async (t) => {
    const server = await startServer(t)
    for (const field of ['user_id', 'device_id']) {
      const refused = await handshake(t, server.url, { path: `/ws?${field}=${encodeURIComponent(name)}` })
      t.match(refused, { status: 400, body: { statusCode: 400, error: 'Bad Request', code: 'invalid_id' } }, field)
    }
  })
}

t.test('an anonymous: name in the query is refused, and so is a user_id that is given twice', async (t) => {
  const server = await startServer(t)
  const anonymous = await handshake(t, server.url, { path: '/ws?user_id=anonymous%3Ame' })
  t.match(anonymous, { status: 400, body: { code: 'invalid_id' } })
  const twice = await handshake(t, server.url, { path: '/?user_id=a&user_id=b' })
  t.match(twice, { status: 400, body: { code: 'invalid_id' } })
})

t.test('names of 128 bytes and a device_id are accepted in the query', async (t) => {
  const server = await startServer(t)
  const name = `${'聊'.repeat(42)}ab`
  const client = await server.connect(`/ws?user_id=${encodeURIComponent(name)}&device_id=phone`)
  t.equal(client.messages[0]?.user_id, name)
})

onEachStore('clients of the original server, which send no id, work unchanged at /', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/')
  const bob = await server.connect('/')
  alice.send({ type: 'join_room', room: 'lobby', user_id: 'alice' })
  await alice.next((m) => m.action === 'user_joined' && m.user_id === 'alice' && m.online_count === 1)
  bob.send({ type: 'join_room', room: 'lobby', user_id: 'bob' })
  await alice.next((m) => m.action === 'user_joined' && m.user_id === 'bob' && m.online_count === 2)
  bob.send({ type: 'chat_message', room: 'lobby', user_id: 'bob', content: 'hello' })
  t.match(await alice.next((m) => m.type === 'chat_message'), { room: 'lobby', user_id: 'bob', content: 'hello' })
  t.match(await bob.next((m) => m.type === 'chat_message'), { room: 'lobby', user_id: 'bob', content: 'hello' })
  bob.send({ type: 'heartbeat' })
  const beat = await bob.next((m) => m.type === 'heartbeat_ack')
  t.strictSame(Object.keys(beat).sort(), ['timestamp', 'type'])
  bob.send({ type: 'leave_room', room: 'lobby' })
  await alice.next((m) => m.action === 'user_left' && m.user_id === 'bob' && m.online_count === 1)
  await allAnswered(alice)
  t.notOk(alice.messages.some(({ type, room }) => type === 'ack' && room === 'lobby'))
  t.notOk(alice.messages.some(({ type }) => type === 'error'))
})

t.test('heartbeat is answered with its id by heartbeat_ack and never by ack', async (t) => {
  const server = await startServer(t)
  const client = await server.connect()
  client.send({ type: 'heartbeat', id: 'h-1' })
  const beat = await client.next(({ id }) => id === 'h-1')
  t.strictSame(Object.keys(beat).sort(), ['id', 'timestamp', 'type'])
  t.match(beat, { type: 'heartbeat_ack', id: 'h-1', timestamp: isoWithMilliseconds })
  await allAnswered(client)
  t.equal(client.messages.filter(({ id }) => id === 'h-1').length, 1)
})

t.test('an upgrade on any other route is refused before it happens', async (t) => {
  const server = await startServer(t)
  for (const path of ['/rooms', '/nowhere', '/stats', '/ws/', '/ws/x', '/health/live']) {
    const refused = await handshake(t, server.url, { path })
    t.equal(refused.socket, undefined, path)
    t.match(refused, { status: 404, body: { code: 'not_found' } }, path)
  }
  t.equal((await request(`${server.url}/health/live`)).status, 200)
})
