import t from 'tap'
import { chatOf, range } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { backend, startNode } from './ingest-server.js'

const { url } = await startRedis(t)

async function member(server: TestServer, room: string, userId: string): Promise<LiveClient> {
  const client = await server.connect(`/ws?user_id=${userId}`)
  await client.ask({ type: 'join_room', room })
  return client
}

async function metric(server: TestServer, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
}

t.test('a chat message that a backend writes to Redis reaches the members once, and is deleted', async (t) => {
  const from = await backend(t, url)
  const server = await startNode(t, url, from)
  const alice = await member(server, 'lobby', 'alice')
  const id = await from.add('{"type":"chat_message","room":"lobby","content":{"n":1.0, "big":12345678901234567890}}')
  const heard = await alice.next(({ type }) => type === 'chat_message')
  t.match(heard, { room: 'lobby', user_id: null, message_id: id, offset: 1 })
  t.ok(
    alice.frames.some((frame) => frame.includes('"content":{"n":1.0, "big":12345678901234567890}')),
    'the content is as it was written'
  )
  await until(async () => (await from.length()) === 0)
  await from.add({ type: 'chat_message', room: 'lobby', content: 'two', user_id: 'bob', message_id: 'm-2' })
  t.match(await alice.next(({ offset }) => offset === 2), { content: 'two', user_id: 'bob', message_id: 'm-2' })
  await from.add({ type: 'chat_message', room: 'lobby', content: 'again', message_id: 'm-2' })
  await from.add({ type: 'chat_message', room: 'lobby', content: 'three' })
  t.match(await alice.next(({ offset }) => offset === 3), { content: 'three' }, 'a message_id is taken once')
  t.equal(chatOf(alice, 'lobby').length, 3)
})

t.test('a line break in a content does not end the line of an ndjson receiver', async (t) => {
  const from = await backend(t, url)
  const server = await startNode(t, url, from)
  const alice = await server.connect('/ws?user_id=alice', { protocols: ['roomcast.v1.ndjson'] })
  await alice.ask({ type: 'join_room', room: 'lobby' })
  await from.add('{"type":"chat_message",\n"room":"lobby","content":[1,\r\n2]}')
  t.match(await alice.next(({ type }) => type === 'chat_message'), { content: [1, 2] })
})

t.test('direct messages go to the inbox, broadcasts to everybody', async (t) => {
  const from = await backend(t, url)
  const server = await startNode(t, url, from)
  const alice = await server.connect('/ws?user_id=alice')
  const direct = await from.add({ type: 'direct_message', to: 'alice', content: 1 })
  t.match(await alice.next(({ type }) => type === 'direct_message'), { from: null, to: 'alice', message_id: direct })
  await from.add({ type: 'direct_message', to: 'alice', from: 'bob', content: 2, message_id: 'd' })
  t.match(await alice.next(({ type }) => type === 'direct_message'), { from: 'bob', message_id: 'd', offset: 2 })
  const broadcast = await from.add({ type: 'broadcast', content: 'all' })
  t.match(await alice.next(({ type }) => type === 'broadcast'), { content: 'all', message_id: broadcast })
  t.equal((await request(`${server.url}/users/alice/inbox`)).body.messages.length, 2)
})

t.test('1,000 entries over several rooms keep the order of each room', async (t) => {
  const from = await backend(t, url)
  const server = await startNode(t, url, from)
  const rooms = ['a', 'b', 'c', 'd', 'e']
  const alice = await server.connect('/ws?user_id=alice')
  for (const room of rooms) await alice.ask({ type: 'join_room', room })
  await from.addAll(range(0, 999).map((n) => ({ type: 'chat_message', room: rooms[n % 5], content: n })))
  await alice.collect('chat_message', 1000)
  for (const [index, room] of rooms.entries()) {
    t.strictSame(
      chatOf(alice, room).map(({ content }) => content),
      range(0, 199).map((n) => n * 5 + index)
    )
  }
  await until(async () => (await from.length()) === 0)
  t.equal(await metric(server, 'roomcast_ingest_handled_total'), 1000)
  t.equal(await metric(server, 'roomcast_ingest_dead_total'), 0)
})

t.test('types with a handler come to it whole and in order', async (t) => {
  const from = await backend(t, url)
  const server = await startNode(t, url, from)
  const heard: object[] = []
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  server.app.messageQueue.registerHandler('order.placed', async (message) => {
    if (message.n === 1) await held
    heard.push(message)
  })
  server.app.messageQueue.registerHandler('other', (message) => heard.push(message))
  await from.add({ type: 'order.placed', n: 1, lines: [{ sku: 'x' }] })
  await from.add({ type: 'order.placed', n: 2 })
  await from.add({ type: 'other' })
  await until(() => heard.length === 1)
  release()
  await until(() => heard.length === 3)
  t.strictSame(heard, [
    { type: 'other' },
    { type: 'order.placed', n: 1, lines: [{ sku: 'x' }] },
    { type: 'order.placed', n: 2 }
  ])
})

t.test('what cannot be handled becomes a dead letter that says why', async (t) => {
  const from = await backend(t, url)
  const server = await startNode(t, url, from, { MAX_MESSAGE_BYTES: 100 })
  let tries = 0
  server.app.messageQueue.registerHandler('failing', () => {
    tries++
    throw new Error('out of stock')
  })
  const chat = (fields: object) => JSON.stringify({ type: 'chat_message', room: 'r', content: 1, ...fields })
  const nested = `${'['.repeat(64)}${']'.repeat(64)}`
  const cases: Array<[message: string, reason: RegExp]> = [
    ['{"type":"chat_message"', /^invalid_json: /],
    ['', /^invalid_json: /],
    ['[]', /^invalid_message: expected an object/],
    ['"text"', /^invalid_message: expected an object/],
    ['{"room":"r"}', /^invalid_message: type: expected string/],
    ['{"type":"chat_message","room":"r"}', /^invalid_message: content: /],
    ['{"type":"chat_message","content":1}', /^invalid_message: room: /],
    [chat({ room: 5 }), /^invalid_message: room: /],
    [chat({ room: '..' }), /^invalid_id: room: /],
    [chat({ user_id: 'anonymous:x' }), /^invalid_id: user_id: /],
    [chat({ message_id: '' }), /^invalid_id: message_id: /],
    [chat({ content: 'x'.repeat(99) }), /^message_too_large: content: more than 100 bytes/],
    [`{"type":"chat_message","room":"r","content":${nested}}`, /^invalid_message: nested deeper than 64/],
    ['{"type":"chat_message","room":"r","content":{"__proto__":{"admin":true}}}', /^invalid_json: /],
    ['{"type":"failing","__proto__":{}}', /^invalid_json: /],
    ['{"type":"direct_message","content":1}', /^invalid_message: to: /],
    ['{"type":"direct_message","to":"anonymous:1","content":1}', /^invalid_id: to: /],
    ['{"type":"broadcast"}', /^invalid_message: content: /],
    ['{"type":"toString"}', /^unknown_type: /],
    ['{"type":"failing","sku":"x"}', /^handler_failed: out of stock$/]
  ]
  const ids: string[] = []
  for (const [message] of cases) ids.push(await from.add(message))
  const letters = await until(
    () => from.deadLetters(),
    (found) => found.length >= cases.length
  )
  for (const [index, [message, reason]] of cases.entries()) {
    const letter = letters.find(({ id }) => id === ids[index])
    t.match(letter, { message, reason }, message.slice(0, 60))
  }
  t.equal(letters.length, cases.length)
  t.equal(tries, 1, 'a handler that fails has one try')
  await until(async () => (await from.length()) === 0)
  t.equal(await metric(server, 'roomcast_ingest_dead_total'), cases.length)
})

t.test('entries that hold no message, or none in UTF-8, stop nothing', async (t) => {
  const from = await backend(t, url)
  const server = await startNode(t, url, from)
  const alice = await member(server, 'r', 'alice')
  await from.redis.xadd(from.stream, '*', 'text', 'hi')
  await from.redis.xadd(from.stream, '*', 'text', 'message', 'hi', 'there')
  await from.add(Buffer.from([123, 34, 0xff, 34, 58, 49, 125]))
  await from.add({ type: 'chat_message', room: 'r', content: 'after' })
  t.match(await alice.next(({ type }) => type === 'chat_message'), { content: 'after' })
  const letters = await until(
    () => from.deadLetters(),
    ({ length }) => length === 3
  )
  t.match(
    letters.map(({ reason }) => reason),
    [/^invalid_message: message: no such field/, /^invalid_message: message: no such field/, /^invalid_json: .*UTF-8/]
  )
  await until(async () => (await from.length()) === 0)
})

t.test('what was written before the first node came is handled too', async (t) => {
  const from = await backend(t, url)
  await from.add({ type: 'chat_message', room: 'r', content: 'early' })
  const server = await startNode(t, url, from)
  const { body } = await until(
    () => request(`${server.url}/rooms/r/history`),
    ({ body }) => body.offset === 1
  )
  t.match(body.messages, [{ content: 'early' }])
})

t.test('of two nodes one reads, and when it ends the other goes on at once', async (t) => {
  const from = await backend(t, url)
  const nodes = [await startNode(t, url, from), await startNode(t, url, from)] as const
  await until(() => nodes.some(({ app }) => app.ingest?.active))
  const active = nodes[0].app.ingest?.active ? nodes[0] : nodes[1]
  const other = active === nodes[0] ? nodes[1] : nodes[0]
  const alice = await member(other, 'r', 'alice')
  await from.addAll(range(1, 100).map((content) => ({ type: 'chat_message', room: 'r', content })))
  await alice.collect('chat_message', 100)
  t.equal(await metric(active, 'roomcast_ingest_active'), 1)
  t.equal(await metric(other, 'roomcast_ingest_active'), 0)
  t.equal(await metric(other, 'roomcast_ingest_handled_total'), 0)

  const writing = from.addAll(range(101, 200).map((content) => ({ type: 'chat_message', room: 'r', content })))
  const closing = active.app.close()
  const begin = performance.now()
  await until(() => other.app.ingest?.active === true)
  t.ok(performance.now() - begin < 4000, 'not only when the lease runs out')
  await Promise.all([writing, closing])
  await alice.collect('chat_message', 200)
  t.strictSame(
    chatOf(alice, 'r').map(({ content }: Message) => content),
    range(1, 200),
    'nothing lost, nothing twice'
  )
})

t.test('the end of a server is not held up by its waiting for entries', async (t) => {
  const from = await backend(t, url)
  const server = await startNode(t, url, from)
  await until(() => server.app.ingest?.active)
  const begin = performance.now()
  await server.app.close()
  t.ok(performance.now() - begin < 700, `${performance.now() - begin} ms`)
})

t.test('the metrics tell how many entries wait', async (t) => {
  const from = await backend(t, url)
  const nodes = [await startNode(t, url, from), await startNode(t, url, from)]
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  for (const { app } of nodes) app.messageQueue.registerHandler('slow', () => held)
  await from.addAll(range(1, 20).map(() => ({ type: 'slow' })))
  const lags = () => Promise.all(nodes.map((node) => metric(node, 'roomcast_ingest_lag')))
  t.strictSame((await until(lags, (found) => Math.max(...found) === 20)).sort(), [0, 20], 'on one node')
  release()
  t.strictSame(await until(lags, (found) => Math.max(...found) === 0), [0, 0])
})
