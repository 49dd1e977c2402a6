import t from 'tap'
import { connected, reconnect, resumed, settled, stage } from './fake-server.js'

t.test('the states are told with what led to them', async (t) => {
  const scene = stage()
  const { client, clock, heard } = scene
  t.equal(client.state, 'idle')
  const connecting = client.connect()
  const { socket } = scene
  t.equal(client.state, 'connecting')
  socket.welcome()
  await connecting
  t.equal(client.state, 'connected')
  socket.drop(1012, 'server is restarting')
  t.equal(client.state, 'waiting')
  clock.advance(250)
  t.equal(client.state, 'connecting')
  await client.close()
  t.equal(client.state, 'closed')
  t.match(heard('state'), [
    { state: 'connecting', previous: 'idle' },
    { state: 'connected', previous: 'connecting', resumed: false },
    { state: 'waiting', end: { code: 1012, reason: 'server is restarting' }, retryInMs: 250 },
    { state: 'connecting', previous: 'waiting' },
    { state: 'closed', end: { code: 1000 } }
  ])
})

t.test('user and device stand in the address, whose protocol may be that of HTTP', async (t) => {
  const scene = stage({ url: 'https://server/push/ws?x=1', userId: 'älice', deviceId: 'phone' })
  scene.client.connect()
  t.equal(scene.socket.url, 'wss://server/push/ws?x=1&user_id=%C3%A4lice&device_id=phone')
})

t.test('names that no server takes are refused before anything is opened', async (t) => {
  for (const userId of ['', '.', '..', 'a\nb', 'anonymous:x', 'x'.repeat(129)]) {
    t.throws(() => stage({ userId }), { name: 'RoomcastClientError', code: 'invalid_id' }, JSON.stringify(userId))
  }
  t.throws(() => stage({ deviceId: '' }), { code: 'invalid_id' })
  t.throws(() => stage({ url: 'nowhere' }), TypeError)
})

for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 4000, 4001, 4002, 4003, 4499]) {
  t.test(`after ${code} it comes back`, async (t) => {
    const { client, socket, sockets, clock } = await connected()
    socket.drop(code)
    t.equal(client.state, 'waiting')
    clock.advance(250)
    t.equal(sockets.length, 2)
  })
}

for (const code of [1002, 1003, 1007, 1009, 4500, 4501, 4502, 4999]) {
  t.test(`after ${code} it stays away, and says why`, async (t) => {
    const { client, socket, sockets, clock, heard } = await connected()
    const publishing = client.publish('r', 1)
    socket.drop(code, 'the reason')
    await t.rejects(publishing, { code: 'closed', message: /the reason/ })
    t.match(heard('state').at(-1), { state: 'closed', end: { code, reason: 'the reason' } })
    clock.advance(60_000)
    t.equal(sockets.length, 1)
  })
}

t.test('the pauses grow while the server is away, and are short again after a connection that lived', async (t) => {
  const scene = stage()
  scene.client.connect()
  const waits = () => scene.heard('state').flatMap(({ retryInMs }) => retryInMs ?? [])
  for (let attempt = 0; attempt < 3; attempt++) {
    scene.socket.drop(1006, '', new Error('connect ECONNREFUSED'))
    scene.clock.advance(20_000)
  }
  t.strictSame(waits(), [250, 500, 1000])
  t.match(scene.heard('state').find(({ end }) => end !== undefined)?.end?.error, { message: 'connect ECONNREFUSED' })
  scene.socket.welcome()
  await settled()
  scene.clock.advance(4999)
  scene.socket.drop()
  scene.clock.advance(20_000)
  scene.socket.welcome()
  await settled()
  scene.clock.advance(5000)
  scene.socket.drop()
  t.strictSame(waits(), [250, 500, 1000, 2000, 250])
})

t.test('who waits can be told that the network is back', async (t) => {
  const { client, socket, sockets } = await connected()
  client.retryNow()
  t.equal(sockets.length, 1, 'nothing to hurry')
  socket.drop()
  client.retryNow()
  t.equal(sockets.length, 2)
  t.equal(client.state, 'connecting')
})

t.test('a connection without a welcome is given up', async (t) => {
  const scene = stage()
  const { client, clock, heard } = scene
  client.connect()
  const { socket } = scene
  clock.advance(20_000)
  t.equal(socket.closedWith, 3000)
  t.match(heard('state').at(-1), { state: 'waiting', end: { code: 3000, reason: 'no welcome' } })
})

t.test('heartbeats ask for a sign of life; without any the connection is dead', async (t) => {
  const scene = stage()
  const { client, clock } = scene
  client.connect()
  const { socket } = scene
  socket.welcome({ heartbeat_interval_ms: 1000 })
  await settled()
  clock.advance(1000)
  t.equal(socket.all('heartbeat').length, 1)
  clock.advance(1000)
  socket.say({ type: 'heartbeat_ack' })
  clock.advance(2999)
  t.equal(client.state, 'connected', 'two may be missed')
  clock.advance(1)
  t.equal(client.state, 'waiting')
  t.equal(socket.closedWith, 3000, 'not a goodbye: the session stays')
})

t.test('what a dead connection still says is not heard', async (t) => {
  const scene = await connected()
  scene.clock.advance(60_000)
  t.equal(scene.client.state, 'waiting')
  scene.socket.say({ type: 'chat_message', room: 'r', epoch: 'a', offset: 1, message_id: 'a1' })
  t.strictSame(scene.heard('message'), [])
})

t.test('what is not a message is passed over', async (t) => {
  const scene = await connected()
  for (const data of ['', 'null', '[]', '{"type":1}', '{', new ArrayBuffer(1)]) scene.socket.raw(data)
  scene.socket.say({ type: 'from_the_future' }, { type: 'system', action: 'new' })
  t.equal(scene.client.state, 'connected')
  t.strictSame(scene.heard('error'), [])
})

t.test('an error that belongs to no request is an event', async (t) => {
  const { socket, heard } = await connected()
  socket.say({ type: 'error', code: 'rate_limited', message: 'too fast', retry_after_ms: 5 })
  t.match(heard('error'), [{ code: 'rate_limited', message: 'too fast', retryAfterMs: 5 }])
})

t.test('close says goodbye, rejects what waits, and can be followed by a new beginning', async (t) => {
  const scene = await connected()
  const { client, socket, sockets } = scene
  const publishing = client.publish('r', 1)
  publishing.catch(() => {})
  await client.close()
  t.equal(socket.closedWith, 1000)
  await t.rejects(publishing, { code: 'closed' })
  t.strictSame(client.rooms, [])
  const again = client.connect()
  t.equal(sockets.length, 2)
  scene.socket.welcome()
  await again
  t.strictSame(scene.socket.sent, [], 'nothing of the former life')
})

t.test('connect rejects where the connection never comes, and resolves at once where it is there', async (t) => {
  const refused = stage()
  const connecting = refused.client.connect()
  refused.socket.drop(4501, 'disconnected by the backend')
  await t.rejects(connecting, { code: 'closed', message: /disconnected by the backend/ })
  const scene = await connected()
  await scene.client.connect()
  t.equal(scene.sockets.length, 1)
})

t.test('a token goes first on every connection, and is asked anew for each', async (t) => {
  let number = 0
  const scene = stage({ token: async () => `token ${++number}` })
  scene.client.connect()
  scene.socket.welcome()
  await settled()
  t.match(scene.socket.sent, [{ type: 'authenticate', token: 'token 1' }])
  const joining = scene.client.join('r')
  t.equal(scene.socket.sent.length, 1, 'nothing before the answer')
  await scene.socket.ack('authenticate', { user_id: 'alice' })
  await scene.socket.ack('join_room', { room: 'r', epoch: 'a', offset: 0, online_count: 1, recovered: 'none' })
  await joining
  scene.socket.say({ type: 'system', action: 'token_expiring' })
  await settled()
  t.equal(scene.socket.last('authenticate').token, 'token 2')
  scene.socket.drop(4001)
  await reconnect(scene)
  t.match(scene.socket.sent, [{ type: 'authenticate', token: 'token 3' }])
})

t.test('a token that is refused is not tried again; one that can be asked for anew is', async (t) => {
  const fixed = stage({ token: 'bad' })
  fixed.client.connect()
  fixed.socket.welcome()
  await settled()
  await fixed.socket.refuse('authenticate', 'unauthenticated')
  t.match(fixed.heard('state').at(-1), { state: 'closed', end: { error: { code: 'unauthenticated' } } })
  t.match(fixed.heard('error'), [{ code: 'unauthenticated' }])

  const fresh = stage({ token: () => 'bad' })
  fresh.client.connect()
  fresh.socket.welcome()
  await settled()
  await fresh.socket.refuse('authenticate', 'unauthenticated')
  t.equal(fresh.client.state, 'waiting')

  const failing = stage({ token: () => Promise.reject(new Error('no network')) })
  failing.client.connect()
  failing.socket.welcome()
  await settled()
  t.equal(failing.client.state, 'waiting')
  t.match(failing.heard('error'), [{ code: 'no_token', cause: { message: 'no network' } }])
})

t.test('a listener that is taken away hears nothing more', async (t) => {
  const scene = await connected()
  let count = 0
  const stop = scene.client.on('signal', () => count++)
  const signal = { type: 'signal', room: 'r', content: 1, user_id: 'bob' }
  scene.socket.say(signal)
  stop()
  scene.socket.say(signal, { ...signal, room: 'elsewhere' })
  t.equal(count, 1)
  t.equal(scene.heard('signal').length, 2)
})

t.test('presence is told, and after a drop the count as it is then', async (t) => {
  const scene = await connected()
  const joined = { type: 'system', action: 'user_joined', room: 'r', user_id: 'bob', online_count: 2 }
  scene.socket.say(joined)
  await reconnect(scene)
  await scene.socket.ack('resume', resumed)
  t.match(scene.heard('presence'), [joined, { action: 'online_count', room: 'r', online_count: 1, joined: 0, left: 0 }])
})
