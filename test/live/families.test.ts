import t from 'tap'
import { defineRoom, RoomcastError, Type } from '../../src/app.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'
import { onEachStore } from './each-store.js'

t.setTimeout(150_000)

const chat = defineRoom('chat/:id', {
  messages: {
    text: Type.Object({ text: Type.String({ minLength: 1 }), lines: Type.Optional(Type.Array(Type.Integer())) }),
    vote: Type.Integer()
  }
})
const strict = defineRoom('strict', { messages: { chat_message: Type.Object({ n: Type.Number() }) } })
const rooms = [chat, strict]

/** Messages of a room, whatever their type. */
function messagesOf(client: LiveClient, room: string): Message[] {
  return client.messages.filter((message) => message.room === room && 'offset' in message && message.type !== 'ack')
}

onEachStore('a type of a family is acknowledged, relayed and kept as a chat_message is', async (t, start) => {
  const server = await start({}, { rooms })
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  await bob.ask({ type: 'join_room', room: 'chat/1' })
  await bob.ask({ type: 'join_room', room: 'plain' })
  const message = { content: { text: 'hello' }, message_id: 'm' }
  const { id: _, ...ack } = await alice.ask({ type: 'text', room: 'chat/1', ...message })
  const { id: __, ...plain } = await alice.ask({ type: 'chat_message', room: 'plain', ...message })
  t.match(ack, { type: 'ack', room: 'chat/1', message_id: 'm', offset: 1, duplicate: false })
  t.strictSame(Object.keys(ack), Object.keys(plain))

  const live = await bob.next(({ type }) => type === 'text')
  const { epoch, offset, timestamp } = ack
  const fields = { room: 'chat/1', user_id: 'alice', message_id: 'm', epoch, offset, timestamp }
  t.strictSame(live, { type: 'text', content: { text: 'hello' }, ...fields })
  const { messages } = await bob.ask({ type: 'read_history', room: 'chat/1' })
  t.strictSame(messages, [live])

  const again = await alice.ask({ type: 'text', room: 'chat/1', ...message })
  t.match(again, { type: 'ack', offset: 1, duplicate: true, timestamp })
})

t.test('the content is relayed as the client wrote it, whatever the schema made of it', async (t) => {
  const server = await startServer(t, {}, { rooms })
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'chat/1' })
  alice.raw('{"type":"text","room":"chat/1","content":{"text":"x", "big":12345678901234567890,"one":1.0}}')
  await alice.next(({ type }) => type === 'text')
  t.match(alice.frames.at(-1), '"content":{"text":"x", "big":12345678901234567890,"one":1.0}')
})

t.test('messages of all types of a room stand in one order, live and in the history', async (t) => {
  const server = await startServer(t, {}, { rooms })
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'chat/1' })
  const sent = Array.from({ length: 40 }, (_, n) =>
    n % 2 === 0 ? { type: 'text', content: { text: `${n}` } } : { type: 'vote', content: n }
  )
  for (const message of sent) alice.send({ ...message, room: 'chat/1' })
  await until(() => messagesOf(alice, 'chat/1').length === 40)
  t.match(messagesOf(alice, 'chat/1'), sent)
  t.match((await alice.ask({ type: 'read_history', room: 'chat/1' })).messages, sent)
})

const refused: Array<[message: Message, code: string, text: string]> = [
  [{ type: 'text', room: 'chat/1', content: { text: 5 } }, 'invalid_message', 'content.text: expected string'],
  [{ type: 'text', room: 'chat/1', content: {} }, 'invalid_message', 'content.text: expected required property'],
  [{ type: 'text', room: 'chat/1', content: { text: 'x', lines: [1, 'two'] } }, 'invalid_message', 'content.lines.1: '],
  [{ type: 'text', room: 'chat/1', content: 'hello' }, 'invalid_message', 'content: expected object'],
  [{ type: 'text', room: 'chat/1' }, 'invalid_message', 'content: expected required property'],
  [{ type: 'text', room: '..', content: { text: 'x' } }, 'invalid_id', 'room: '],
  [{ type: 'vote', room: 'chat/1', content: 1.5 }, 'invalid_message', 'content: expected integer'],
  [{ type: 'chat_message', room: 'chat/1', content: 1 }, 'invalid_message', 'type: this room takes no chat_message'],
  [{ type: 'vote', room: 'strict', content: 1 }, 'invalid_message', 'type: this room takes no vote'],
  [{ type: 'vote', room: 'lobby', content: 1 }, 'invalid_message', 'type: this room takes no vote'],
  [{ type: 'chat_message', room: 'strict', content: { n: '1' } }, 'invalid_message', 'content.n: expected number'],
  [{ type: 'dance', room: 'chat/1', content: 1 }, 'unknown_type', 'Unknown message type']
]

t.test('what breaks the schema of its family is refused, naming the field, and not stored', async (t) => {
  const server = await startServer(t, {}, { rooms })
  for (const [message, code, text] of refused) {
    const client = await server.connect('/ws?user_id=alice')
    const answer = await client.ask(message)
    t.match(answer, { type: 'error', code }, JSON.stringify(message))
    t.ok(answer.message.startsWith(text), `${answer.message} begins with ${text}`)
    client.terminate()
  }
  for (const room of ['chat%2F1', 'strict', 'lobby']) {
    t.match((await request(`${server.url}/rooms/${room}`)).body, { offset: 0 }, room)
  }
})

t.test('20 messages that break their schema close with 4500, as other malformed ones do', async (t) => {
  const server = await startServer(t, {}, { rooms })
  const client = await server.connect('/ws?user_id=alice')
  for (let n = 0; n < 20; n++) client.send({ type: 'text', room: 'chat/1', content: n })
  t.equal(await client.closed(), 4500)
})

t.test('a type of a family counts into the rate and fixes the user as a chat_message does', async (t) => {
  const server = await startServer(
    t,
    { RATE_LIMIT_PER_SECOND: 1, RATE_LIMIT_BURST: 2 },
    { rooms, clock: new ManualClock() }
  )
  const client = await server.connect()
  const message = { type: 'vote', room: 'chat/1', content: 1, user_id: 'alice' }
  t.match(await client.ask(message), { type: 'ack' })
  t.match(await client.ask({ ...message, user_id: 'bob' }), { code: 'user_mismatch' })
  t.match(await client.ask(message), { code: 'rate_limited', retry_after_ms: 1000 })
})

onEachStore('a session catches up with all types of messages, by its positions and by a join', async (t, start) => {
  const server = await start({}, { rooms })
  const alice = await server.connect('/ws?user_id=alice')
  const { session_id, resume_token } = alice.messages[0] ?? {}
  const { epoch } = await alice.ask({ type: 'join_room', room: 'chat/1' })
  await alice.ask({ type: 'vote', room: 'chat/1', content: 1 })
  alice.terminate()
  const bob = await server.connect('/ws?user_id=bob')
  for (const n of [2, 3]) await bob.ask({ type: 'text', room: 'chat/1', content: { text: `${n}` } })
  await bob.ask({ type: 'vote', room: 'chat/1', content: 4 })

  const back = await server.connect()
  const resume = { type: 'resume', session_id, resume_token, positions: { 'chat/1': { epoch, offset: 1 } } }
  t.match(await back.ask(resume), { type: 'ack', rooms: { 'chat/1': { recovered: 'full', offset: 4 } } })
  const missed = [
    { type: 'text', content: { text: '2' }, offset: 2 },
    { type: 'text', content: { text: '3' }, offset: 3 },
    { type: 'vote', content: 4, offset: 4 }
  ]
  await until(() => messagesOf(back, 'chat/1').length === 3)
  t.match(messagesOf(back, 'chat/1'), missed)
  const carol = await server.connect('/ws?user_id=carol')
  await carol.ask({ type: 'join_room', room: 'chat/1', last: 3 })
  await until(() => messagesOf(carol, 'chat/1').length === 3)
  t.match(messagesOf(carol, 'chat/1'), missed)
})

t.test('after a type of a family a session cannot be resumed any more', async (t) => {
  const server = await startServer(t, {}, { rooms })
  const client = await server.connect('/ws?user_id=alice')
  await client.ask({ type: 'vote', room: 'chat/1', content: 1 })
  const answer = await client.ask({ type: 'resume', session_id: 'x', resume_token: 'y' })
  t.match(answer, { code: 'invalid_message', message: 'resume: comes before anything else' })
})

onEachStore('a family keeps as many messages as it says, all other rooms as the settings say', async (t, start) => {
  const families = [defineRoom('short/:id', { history: { size: 2 } }), defineRoom('none', { history: { size: 0 } })]
  const server = await start({ HISTORY_SIZE: 4 }, { rooms: families })
  const alice = await server.connect('/ws?user_id=alice')
  for (const [room, kept] of [
    ['short/1', [5, 6]],
    ['none', []],
    ['lobby', [3, 4, 5, 6]]
  ] as const) {
    for (let n = 1; n <= 6; n++) await alice.ask({ type: 'chat_message', room, content: n })
    const { messages } = await alice.ask({ type: 'read_history', room })
    t.strictSame(
      messages.map(({ content }: Message) => content),
      kept,
      room
    )
  }
})

t.test('a family keeps its messages as long as it says', async (t) => {
  const clock = new ManualClock()
  const families = [defineRoom('short', { history: { ttl: 10 } })]
  const server = await startServer(t, { HISTORY_TTL: 60 }, { rooms: families, clock })
  const alice = await server.connect('/ws?user_id=alice')
  const kept = async (room: string) => (await alice.ask({ type: 'read_history', room })).messages.length
  for (const room of ['short', 'lobby']) await alice.ask({ type: 'chat_message', room, content: 1 })
  clock.advance(9_000)
  t.strictSame([await kept('short'), await kept('lobby')], [1, 1])
  clock.advance(2_000)
  t.strictSame([await kept('short'), await kept('lobby')], [0, 1])
})

t.test('a connection has one bucket for publishes and signals into all rooms of a family', async (t) => {
  const clock = new ManualClock()
  const families = [
    defineRoom('slow/:id', { rateLimit: { perSecond: 2, burst: 3 } }),
    defineRoom('other/:id', { rateLimit: { perSecond: 0.5, burst: 1 } })
  ]
  const server = await startServer(t, {}, { rooms: families, clock })
  const alice = await server.connect('/ws?user_id=alice')
  const say = (client: LiveClient, room: string, type = 'chat_message') => client.ask({ type, room, content: 1 })
  t.match(await say(alice, 'slow/1'), { type: 'ack' })
  t.match(await say(alice, 'slow/2', 'signal'), { type: 'ack' })
  t.match(await say(alice, 'slow/2'), { type: 'ack' })
  for (const type of ['chat_message', 'signal']) {
    t.match(await say(alice, 'slow/1', type), { type: 'error', code: 'rate_limited', retry_after_ms: 500 }, type)
  }
  t.match(await say(alice, 'lobby'), { type: 'ack' }, 'a room of no family')
  t.match(await say(alice, 'other/1'), { type: 'ack' }, 'a room of another family')
  t.match(await say(alice, 'other/1'), { code: 'rate_limited', retry_after_ms: 2000 })
  t.match(await say(await server.connect('/ws?user_id=alice'), 'slow/1'), { type: 'ack' }, 'another connection')
  for (let n = 0; n < 9; n++) {
    const posted = await request(`${server.url}/rooms/slow%2F1/messages`, { method: 'POST', body: { content: n } })
    t.equal(posted.status, 201, 'backends are not limited')
  }
  clock.advance(250)
  t.match(await say(alice, 'slow/1'), { code: 'rate_limited', retry_after_ms: 250 })
  clock.advance(250)
  t.match(await say(alice, 'slow/1'), { type: 'ack' })
  t.match(await say(alice, 'slow/1'), { code: 'rate_limited' })
  clock.advance(60_000)
  for (let n = 0; n < 3; n++) t.match(await say(alice, 'slow/1'), { type: 'ack' }, 'the burst is full again')
  t.match(await say(alice, 'slow/1'), { code: 'rate_limited' })
})

t.test('what is refused for its schema counts into the rate of its family', async (t) => {
  const limited = defineRoom('r', { messages: { vote: Type.Integer() }, rateLimit: { perSecond: 1, burst: 1 } })
  const server = await startServer(t, {}, { rooms: [limited], clock: new ManualClock() })
  const alice = await server.connect('/ws?user_id=alice')
  t.match(await alice.ask({ type: 'vote', room: 'r', content: 'x' }), { code: 'invalid_message' })
  t.match(await alice.ask({ type: 'vote', room: 'r', content: 1 }), { code: 'rate_limited' })
})

t.test('a server takes its families from nobody else', async (t) => {
  const [one, other] = [await startServer(t, {}, { rooms }), await startServer(t)]
  const message = { type: 'vote', room: 'chat/1', content: 1, user_id: 'alice' }
  t.match(await (await one.connect()).ask(message), { type: 'ack' })
  t.match(await (await other.connect()).ask(message), { code: 'unknown_type' })
})

t.test('families that match the same rooms stop the start', async (t) => {
  const twins = [defineRoom('chat/:id'), defineRoom('chat/:name')]
  await t.rejects(startServer(t, {}, { rooms: twins }), { name: 'RoomDefinitionError' })
})

t.test('a refusal of the family is not a fault of the server', async (t) => {
  const families = [
    defineRoom('r', {
      onMessage: () => {
        throw new RoomcastError('overloaded', { message: 'come back', retryAfterMs: 7000 })
      }
    })
  ]
  const server = await startServer(t, {}, { rooms: families })
  const alice = await server.connect('/ws?user_id=alice')
  const answer = await alice.ask({ type: 'chat_message', room: 'r', content: 1 })
  t.match(answer, { type: 'error', code: 'overloaded', message: 'come back', retry_after_ms: 7000 })
  const posted = await request(`${server.url}/rooms/r/messages`, { method: 'POST', body: { content: 1 } })
  t.match(posted, { status: 503, body: { code: 'overloaded', message: 'come back', retry_after_ms: 7000 } })
})
