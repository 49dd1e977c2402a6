import t from 'tap'
import { connected, reconnect, resumed, settled } from './fake-server.js'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

t.test('every publish has an id of its own, and resolves with the ack', async (t) => {
  const { client, socket } = await connected()
  const first = client.publish('r', { text: 'hello' })
  const { message_id } = socket.last('chat_message')
  t.match(socket.last('chat_message'), { room: 'r', content: { text: 'hello' }, message_id: uuid })
  await socket.ack('chat_message', { room: 'r', message_id, epoch: 'a', offset: 1, duplicate: false, durable: 'disk' })
  t.strictSame(await first, { room: 'r', message_id, epoch: 'a', offset: 1, duplicate: false, durable: 'disk' })
  const second = client.publish('r', 2)
  t.not(socket.last('chat_message').message_id, message_id)
  await socket.ack('chat_message')
  await second
  const third = client.publish('r', 3, { messageId: 'mine' })
  t.equal(socket.last('chat_message').message_id, 'mine')
  await socket.ack('chat_message')
  await third
})

t.test('where the runtime makes no UUIDs the client does', async (t) => {
  const { client, socket } = await connected()
  const { randomUUID } = crypto
  t.teardown(() => Object.defineProperty(crypto, 'randomUUID', { value: randomUUID, configurable: true }))
  Object.defineProperty(crypto, 'randomUUID', { value: undefined, configurable: true })
  const publishing = client.publish('r', 1)
  t.match(socket.last('chat_message').message_id, uuid)
  await socket.ack('chat_message')
  await publishing
})

t.test('what was not acknowledged before a drop goes out again after the resume, under the same id', async (t) => {
  const scene = await connected()
  const publishing = scene.client.publish('r', 'once')
  const { message_id } = scene.socket.last('chat_message')
  await reconnect(scene)
  t.strictSame(scene.socket.all('chat_message'), [], 'not before the session')
  await scene.socket.ack('resume', resumed)
  t.equal(scene.socket.last('chat_message').message_id, message_id)
  await scene.socket.ack('chat_message', { offset: 1, duplicate: true })
  t.match(await publishing, { offset: 1, duplicate: true })
})

t.test('publishes to one room keep their order through drops and refusals', async (t) => {
  const scene = await connected()
  const stored: unknown[] = []
  const publishing = [1, 2, 3].map((content) => scene.client.publish('r', content))
  await scene.socket.refuse('chat_message', 'rate_limited', { retry_after_ms: 50 })
  t.equal(scene.socket.all('chat_message').length, 1, 'the next ones wait')
  scene.clock.advance(50)
  t.equal(scene.socket.last('chat_message').content, 1)
  await reconnect(scene)
  await scene.socket.ack('resume', resumed)
  for (let n = 1; n <= 3; n++) {
    stored.push(scene.socket.last('chat_message').content)
    await scene.socket.ack('chat_message')
  }
  await Promise.all(publishing)
  t.strictSame(stored, [1, 2, 3])
})

t.test('rooms, users and groups do not wait for each other', async (t) => {
  const { client, socket } = await connected()
  const publishing = [
    client.publish('r', 1),
    client.publish('s', 2),
    client.direct('bob', 3),
    client.publishGroup('g', 4)
  ]
  t.match(socket.sent.slice(-4), [
    { type: 'chat_message', room: 'r', content: 1, message_id: uuid },
    { type: 'chat_message', room: 's', content: 2, message_id: uuid },
    { type: 'direct_message', to: 'bob', content: 3, message_id: uuid },
    { type: 'group_message', group: 'g', content: 4, message_id: uuid }
  ])
  for (const { id } of socket.sent.slice(-4)) socket.say({ type: 'ack', id })
  await Promise.all(publishing)
})

for (const code of ['store_unavailable', 'rate_limited', 'draining', 'overloaded']) {
  t.test(`${code} is waited for, and the same id is sent again`, async (t) => {
    const { client, socket, clock } = await connected()
    const publishing = client.publish('r', 1)
    await socket.refuse('chat_message', code, { retry_after_ms: 300 })
    clock.advance(299)
    t.equal(socket.all('chat_message').length, 1)
    clock.advance(1)
    await socket.refuse('chat_message', code)
    clock.advance(1000)
    const ids = new Set(socket.all('chat_message').map(({ message_id }) => message_id))
    t.match([socket.all('chat_message').length, ids.size], [3, 1])
    await socket.ack('chat_message', { offset: 1 })
    t.match(await publishing, { offset: 1 })
  })
}

t.test('a pause that the server asked for is kept over a drop', async (t) => {
  const scene = await connected()
  const publishing = scene.client.publish('r', 1)
  await scene.socket.refuse('chat_message', 'store_unavailable', { retry_after_ms: 30_000 })
  await reconnect(scene)
  await scene.socket.ack('resume', resumed)
  t.strictSame(scene.socket.all('chat_message'), [])
  scene.clock.advance(10_000)
  await scene.socket.ack('chat_message', { offset: 1 })
  t.match(await publishing, { offset: 1 })
})

t.test('any other error is final, and the next one goes out', async (t) => {
  const { client, socket } = await connected()
  const refused = client.publish('r', 1)
  const next = client.publish('r', 2)
  await Promise.all([t.rejects(refused, { code: 'forbidden' }), socket.refuse('chat_message', 'forbidden')])
  t.equal(socket.last('chat_message').content, 2)
  await socket.ack('chat_message')
  await next
})

t.test('what is not acknowledged in time is rejected with its id, and not sent again', async (t) => {
  const scene = await connected({ publishTimeoutMs: 30_000 })
  const publishing = scene.client.publish('r', 1, { messageId: 'm' })
  scene.socket.drop()
  const rejected = t.rejects(publishing, { code: 'timeout', messageId: 'm' })
  for (let n = 0; n < 10; n++) scene.clock.advance(3000)
  await rejected
  scene.socket.welcome()
  await settled()
  await scene.socket.ack('resume', resumed)
  t.strictSame(scene.socket.all('chat_message'), [])
})

t.test('what is asked before there is a connection waits for it, a join for as long as it takes', async (t) => {
  const scene = await connected({}, { room: '' })
  scene.socket.drop()
  const joining = scene.client.join('r')
  const publishing = scene.client.publish('r', 1)
  const reading = scene.client.history('r', { limit: 2 })
  const late = t.rejects(reading, { code: 'timeout' })
  for (let n = 0; n < 11; n++) scene.clock.advance(3000)
  await late
  scene.socket.welcome()
  await settled()
  t.strictSame(
    scene.socket.sent.map(({ type }) => type),
    ['join_room', 'chat_message']
  )
  await scene.socket.ack('join_room', { room: 'r', epoch: 'a', offset: 0, online_count: 1, recovered: 'none' })
  await scene.socket.ack('chat_message', { offset: 1 })
  t.match(await Promise.all([joining, publishing]), [{ room: 'r' }, { offset: 1 }])
})

t.test('more than may wait is refused at once', async (t) => {
  const { client } = await connected({ pendingMax: 2 })
  const waiting = [client.publish('r', 1), client.publish('r', 2)]
  for (const publishing of waiting) publishing.catch(() => {})
  await t.rejects(client.publish('r', 3, { messageId: 'm' }), { code: 'queue_full', messageId: 'm' })
})

t.test('a signal goes now or not at all', async (t) => {
  const scene = await connected()
  const signalling = scene.client.signal('r', { typing: true })
  t.match(scene.socket.last('signal'), { room: 'r', content: { typing: true } })
  await scene.socket.ack('signal', { room: 'r' })
  await signalling
  const refused = scene.client.signal('r', 1)
  await Promise.all([t.rejects(refused, { code: 'rate_limited' }), scene.socket.refuse('signal', 'rate_limited')])
  const lost = scene.client.signal('r', 2)
  const rejected = t.rejects(lost, { code: 'connection_lost' })
  scene.socket.drop()
  await rejected
  await t.rejects(scene.client.signal('r', 3), { code: 'not_connected' })
  scene.clock.advance(20_000)
  scene.socket.welcome()
  await settled()
  await scene.socket.ack('resume', resumed)
  t.strictSame(scene.socket.all('signal'), [])
})

t.test('history and members are read as asked', async (t) => {
  const { client, socket } = await connected()
  const reading = client.history('r', { after: 3, limit: 10 })
  t.match(socket.last('read_history'), { room: 'r', after: 3, limit: 10 })
  await socket.ack('read_history', { room: 'r', epoch: 'a', offset: 3, messages: [], has_more: false })
  t.match(await reading, { messages: [], has_more: false })
  const grouped = client.groupHistory('g')
  t.match(socket.last('read_history'), { group: 'g' })
  await socket.ack('read_history', { messages: [] })
  await grouped
  const listing = client.members('r', { limit: 5 })
  t.match(socket.last('list_members'), { room: 'r', limit: 5 })
  await socket.ack('list_members', { room: 'r', online_count: 0, members: [], next_cursor: null })
  t.match(await listing, { online_count: 0 })
})
