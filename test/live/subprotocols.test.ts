import t from 'tap'
import type { LiveClient, Message } from '../support/live-client.js'
import { startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { allAnswered, chatOf, onEachStore, range } from './each-store.js'
import { handshake } from './raw-socket.js'

t.setTimeout(150_000)

const LINES = 'roomcast.v1.ndjson'

const offers: Array<[offered: string | undefined, selected: string | undefined]> = [
  [undefined, undefined],
  ['roomcast.v1', 'roomcast.v1'],
  [LINES, LINES],
  [`roomcast.v1, ${LINES}`, LINES],
  [`${LINES}, roomcast.v1`, LINES],
  ['roomcast.v1, bearer.SECRET', 'roomcast.v1'],
  [`${LINES}, bearer.SECRET`, LINES],
  [`bearer.SECRET, ${LINES}`, LINES],
  ['chat, roomcast.v1', 'roomcast.v1'],
  ['chat', undefined],
  ['bearer.SECRET', undefined],
  ['roomcast.v2', undefined],
  ['ROOMCAST.V1', undefined],
  ['graphql-ws, mqtt', undefined]
]

t.test('of the offered subprotocols only our own are ever echoed', async (t) => {
  const server = await startServer(t)
  for (const [offered, selected] of offers) {
    const headers: Record<string, string> = offered === undefined ? {} : { 'sec-websocket-protocol': offered }
    const { status, headers: answered } = await handshake(t, server.url, { headers })
    t.equal(status, 101, `${offered}`)
    t.equal(answered['sec-websocket-protocol'], selected, `${offered}`)
  }
})

async function connectLines(server: TestServer, user = 'alice'): Promise<LiveClient> {
  return await server.connect(`/ws?user_id=${user}`, { protocols: [LINES] })
}

onEachStore('in roomcast.v1.ndjson a frame of the client holds one or more objects', async (t, start) => {
  const server = await start()
  const client = await connectLines(server)
  const lines = [
    { type: 'join_room', room: 'r', id: 'a' },
    { type: 'chat_message', room: 'r', content: 'line\nfeed', id: 'b' },
    { type: 'heartbeat', id: 'c' }
  ].map((line) => JSON.stringify(line))
  client.raw(`\n\n${lines.join('\n\n')}\n`)
  for (const id of ['a', 'b', 'c']) await client.next((m) => m.id === id)
  t.match(await client.next((m) => m.type === 'chat_message'), { content: 'line\nfeed' })
  client.raw(lines.map((line) => line.replace('"id":"', '"id":"x')).join('\r\n'))
  for (const id of ['xa', 'xb', 'xc']) await client.next((m) => m.id === id)
  t.notOk(
    client.messages.some(({ type }) => type === 'error'),
    'blank lines are no mistakes'
  )
})

t.test('a wrong line does not stop the lines around it', async (t) => {
  const server = await startServer(t)
  const client = await connectLines(server)
  const beat = (id: string) => JSON.stringify({ type: 'heartbeat', id })
  client.raw([beat('1'), '{broken', beat('2'), '[]', beat('3')].join('\n'))
  await client.next(({ id }) => id === '3')
  await allAnswered(client)
  t.strictSame(
    client.messages.filter(({ type }) => type === 'error').map(({ code }) => code),
    ['invalid_json', 'invalid_message']
  )
  t.strictSame(
    client.messages.filter(({ type }) => type === 'heartbeat_ack').map(({ id }) => id),
    ['1', '2', '3']
  )
})

/** A chat message whose line has exactly so many bytes. */
function lineOf(bytes: number, id: string): string {
  const empty = JSON.stringify({ type: 'chat_message', room: 'r', id, content: '' })
  return JSON.stringify({ type: 'chat_message', room: 'r', id, content: 'a'.repeat(bytes - empty.length) })
}

t.test('a line over MAX_MESSAGE_BYTES is message_too_large, and the others are handled', async (t) => {
  const server = await startServer(t, { MAX_MESSAGE_BYTES: 1000 })
  const client = await connectLines(server)
  client.raw([lineOf(1000, 'fits'), lineOf(1001, 'too long'), lineOf(999, 'fits too')].join('\n'))
  t.match(await client.next(({ id }) => id === 'fits'), { type: 'ack', offset: 1 })
  t.match(await client.next(({ id }) => id === 'fits too'), { type: 'ack', offset: 2 })
  const errors = client.messages.filter(({ type }) => type === 'error')
  t.match(errors, [{ code: 'message_too_large' }])
  t.equal(errors.length, 1)
  t.equal((await client.ask({ type: 'heartbeat' })).type, 'heartbeat_ack')
})

t.test('an ndjson frame may have 1 MiB, and one byte more closes with 1009', async (t) => {
  const server = await startServer(t)
  const client = await connectLines(server)
  const lines = [lineOf(65_536, 'last')]
  while (lines.join('\n').length + 60_001 <= 1_048_576) lines.unshift(lineOf(60_000, `${lines.length}`))
  const text = lines.join('\n')
  const full = `${'\n'.repeat(1_048_576 - text.length)}${text}`
  t.equal(full.length, 1_048_576)
  client.raw(full)
  t.match(await client.next(({ id }) => id === 'last'), { type: 'ack', offset: lines.length })
  client.raw(`\n${full}`)
  t.equal(await client.closed(), 1009)
})

t.test('outside of ndjson a frame holds one object', async (t) => {
  const server = await startServer(t)
  for (const protocols of [[], ['roomcast.v1']]) {
    const client = await server.connect('/ws', { protocols })
    client.raw('{"type":"heartbeat","id":"1"}\n{"type":"heartbeat","id":"2"}')
    t.match(await client.next(({ type }) => type === 'error'), { code: 'invalid_json' })
    client.raw('\n {"type":"heartbeat",\n"id":"3"}\n')
    t.equal((await client.next(({ id }) => id === '3')).type, 'heartbeat_ack', 'white space is no object')
  }
})

onEachStore('in ndjson what comes together is sent as lines of one frame, elsewhere as frames', async (t, start) => {
  const server = await start()
  const lines = await connectLines(server, 'lines')
  const plain = await server.connect('/ws?user_id=plain', { protocols: ['roomcast.v1'] })
  for (const client of [lines, plain]) await client.ask({ type: 'join_room', room: 'r' })
  const sender = await connectLines(server, 'sender')
  sender.raw(
    range(1, 50)
      .map((n) => JSON.stringify({ type: 'chat_message', room: 'r', content: n }))
      .join('\n')
  )
  for (const client of [lines, plain]) {
    await until(() => chatOf(client, 'r').length === 50)
    t.strictSame(
      chatOf(client, 'r').map(({ content }) => content),
      range(1, 50)
    )
  }
  t.ok(
    lines.frames.some((frame) => frame.split('\n').length > 1),
    'several in one frame'
  )
  t.ok(
    plain.frames.every((frame) => !frame.includes('\n')),
    'one in each'
  )
})

t.test('line feeds between the tokens of a content never reach an ndjson receiver', async (t) => {
  const server = await startServer(t)
  const receiver = await connectLines(server, 'lines')
  await receiver.ask({ type: 'join_room', room: 'r' })
  const sender = await server.connect('/ws?user_id=sender')
  const pretty = { a: [1, { b: 'x\ny' }], c: null }
  sender.raw(JSON.stringify({ type: 'chat_message', room: 'r', content: pretty }, null, 2))
  sender.raw('{"type":"signal","room":"r","content":{\r\n"n":1}}')
  const heard: Message[] = [
    await receiver.next((m) => m.type === 'chat_message'),
    await receiver.next((m) => m.type === 'signal')
  ]
  t.strictSame(
    heard.map(({ content }) => content),
    [pretty, { n: 1 }]
  )
  const { messages } = await receiver.ask({ type: 'read_history', room: 'r' })
  t.strictSame(messages[0].content, pretty)
})

t.test('a replay to an ndjson client comes in frames of at most 1 MiB', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 0 })
  const sender = await server.connect('/ws?user_id=sender')
  for (const n of range(1, 60)) sender.send({ type: 'chat_message', room: 'r', content: `${n}${'x'.repeat(50_000)}` })
  await allAnswered(sender)
  const client = await connectLines(server)
  await client.ask({ type: 'join_room', room: 'r', last: 1000 })
  await until(() => chatOf(client, 'r').length === 60)
  t.ok(client.frames.every((frame) => Buffer.byteLength(frame) <= 1_048_576))
})
