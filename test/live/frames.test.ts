import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'
import { range } from './each-store.js'
import { frame, Opcode, openRaw } from './raw-socket.js'

t.setTimeout(150_000)

const beat = (id: string) => JSON.stringify({ type: 'heartbeat', id })

/** A chat message that has exactly so many bytes. */
function messageOf(bytes: number): string {
  const empty = JSON.stringify({ id: 'x', type: 'chat_message', room: 'r', content: '' })
  return JSON.stringify({ id: 'x', type: 'chat_message', room: 'r', content: 'a'.repeat(bytes - empty.length) })
}

t.test('a binary frame closes with 1003', async (t) => {
  const server = await startServer(t)
  for (const data of [Buffer.alloc(0), Buffer.from(beat('x')), Buffer.alloc(60_000)]) {
    const client = await server.connect()
    client.raw(data)
    t.equal(await client.closed(), 1003)
    t.equal(client.messages.length, 1, 'nothing is answered')
  }
})

for (const limit of [200, 65_536, 200_000]) {
  t.test(`a frame of MAX_MESSAGE_BYTES=${limit} is taken, one byte more closes with 1009`, async (t) => {
    const server = await startServer(t, { MAX_MESSAGE_BYTES: limit })
    const client = await server.connect('/ws?user_id=alice')
    client.raw(messageOf(limit))
    t.match(await client.next(({ id }) => id === 'x'), { type: 'ack', offset: 1 })
    client.raw(messageOf(limit + 1))
    t.equal(await client.closed(), 1009)
    t.match((await request(`${server.url}/rooms/r`)).body, { offset: 1 })
    const fragments = await openRaw(t, server.url)
    const message = Buffer.from(messageOf(limit + 1))
    fragments.write(frame(message.subarray(0, 100), { fin: false }))
    fragments.write(frame(message.subarray(100), { opcode: Opcode.Continuation }))
    t.equal(await fragments.closed(), 1009, 'in fragments, too')
  })
}

t.test('the limit of a frame counts bytes, not letters', async (t) => {
  const server = await startServer(t, { MAX_MESSAGE_BYTES: 200 })
  const client = await server.connect('/ws?user_id=alice')
  client.send({ type: 'chat_message', room: 'r', content: '聊'.repeat(60) })
  t.equal(await client.closed(), 1009)
})

const text = (bytes: number[] | string) => Buffer.from(bytes as string)
const invalidUtf8: Record<string, Buffer[]> = {
  'a byte that is never part of it': [frame(text([0x22, 0xff, 0x22]))],
  'a lone continuation': [frame(text([0x22, 0x80, 0x22]))],
  'an encoded surrogate': [frame(text([0x22, 0xed, 0xa0, 0x80, 0x22]))],
  'an overlong slash': [frame(text([0x22, 0xc0, 0xaf, 0x22]))],
  'a code point beyond Unicode': [frame(text([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]))],
  'half a letter at the end': [frame(text([0x22, 0xe8, 0x81]))],
  'a bad byte in the second fragment': [
    frame('"a', { fin: false }),
    frame(text([0xff, 0x22]), { opcode: Opcode.Continuation })
  ],
  'a bad reason of a close': [frame(text([0x03, 0xe8, 0xff]), { opcode: Opcode.Close })]
}

const malformed: Record<string, Buffer[]> = {
  'an unmasked text': [frame(beat('x'), { masked: false })],
  'an unmasked ping': [frame('', { masked: false, opcode: Opcode.Ping })],
  'the first reserved bit': [frame(beat('x'), { rsv: 4 })],
  'the second reserved bit': [frame(beat('x'), { rsv: 2 })],
  'the third reserved bit': [frame(beat('x'), { rsv: 1 })],
  'a reserved bit on a ping': [frame('', { rsv: 4, opcode: Opcode.Ping })],
  'the unknown opcode 3': [frame(beat('x'), { opcode: 3 })],
  'the unknown opcode 7': [frame('', { opcode: 7 })],
  'the unknown control opcode 11': [frame('', { opcode: 11 })],
  'the unknown control opcode 15': [frame('', { opcode: 15 })],
  'a fragmented ping': [frame('a', { opcode: Opcode.Ping, fin: false })],
  'a fragmented close': [frame(text([3, 232]), { opcode: Opcode.Close, fin: false })],
  'a ping of 126 bytes': [frame('a'.repeat(126), { opcode: Opcode.Ping })],
  'a pong of 126 bytes': [frame('a'.repeat(126), { opcode: Opcode.Pong })],
  'a close of 126 bytes': [frame(`\u0003\u00e8${'a'.repeat(124)}`, { opcode: Opcode.Close })],
  'a close of one byte': [frame(text([3]), { opcode: Opcode.Close })],
  'a close with the code 0': [frame(text([0, 0]), { opcode: Opcode.Close })],
  'a close with the code 999': [frame(text([3, 231]), { opcode: Opcode.Close })],
  'a close with the code 1005': [frame(text([3, 237]), { opcode: Opcode.Close })],
  'a close with the code 1006': [frame(text([3, 238]), { opcode: Opcode.Close })],
  'a close with the code 5000': [frame(text([19, 136]), { opcode: Opcode.Close })],
  'a continuation of nothing': [frame(beat('x'), { opcode: Opcode.Continuation })],
  'a new message within a message': [frame('{', { fin: false }), frame(beat('x'))]
}

const hugeLength = Buffer.concat([Buffer.of(0x81, 0xff), Buffer.alloc(8, 0x7f)])
const tooLarge: Record<string, Buffer[]> = {
  'a length of 64 bits and nothing after it': [hugeLength],
  'a length that no number holds': [Buffer.concat([Buffer.of(0x81, 0xff), Buffer.alloc(8, 0xff)])],
  'a length just over the limit and nothing after it': [Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4])]
}

for (const [code, table] of [
  [1002, malformed],
  [1007, invalidUtf8],
  [1009, tooLarge]
] as const) {
  t.test(`broken frames end the connection with ${code}, and nobody else`, async (t) => {
    const server = await startServer(t)
    const bystander = await server.connect('/ws?user_id=bystander')
    await bystander.ask({ type: 'join_room', room: 'r' })
    for (const [title, frames] of Object.entries(table)) {
      const client = await openRaw(t, server.url, { path: '/ws?user_id=mallory' })
      client.send({ type: 'join_room', room: 'r' })
      await until(() => client.messages.some(({ action }) => action === 'user_joined'))
      for (const bytes of frames) client.write(bytes)
      t.equal(await client.closed(), code, title)
      await bystander.next(({ action }) => action === 'user_left')
      t.equal((await bystander.ask({ type: 'heartbeat' })).type, 'heartbeat_ack', title)
    }
    t.match((await request(`${server.url}/online`)).body, { connections: 1, users: 1 })
  })
}

t.test('a client that is still sending learns the code, too', async (t) => {
  const server = await startServer(t)
  const large = await server.connect()
  large.raw('x'.repeat(20_000_000))
  t.equal(await large.closed(), 1009, 'a frame of 20 MB')
  const broken = await openRaw(t, server.url)
  broken.write(Buffer.concat([frame('', { rsv: 4 }), Buffer.alloc(20_000_000)]))
  t.equal(await broken.closed(), 1002, 'and much that follows a broken frame')
  const binary = await server.connect()
  binary.raw(Buffer.alloc(10))
  for (let n = 0; n < 200; n++) binary.raw('x'.repeat(50_000))
  t.equal(await binary.closed(), 1003, 'and much that follows a binary frame')
})

t.test('fragments, with pings between them and empty ones, are one message', async (t) => {
  const server = await startServer(t)
  const client = await openRaw(t, server.url)
  const bytes = Buffer.from(JSON.stringify({ type: 'leave_room', room: '聊天', id: 'x' }))
  client.write(frame('', { fin: false }))
  for (const byte of bytes) {
    client.write(frame(Buffer.of(byte), { opcode: Opcode.Continuation, fin: false }))
    client.write(frame(Buffer.of(byte), { opcode: Opcode.Ping }))
  }
  client.write(frame('', { opcode: Opcode.Continuation }))
  await until(() => client.messages.some(({ id }) => id === 'x'))
  t.match(client.messages.at(-1), { type: 'ack', room: '聊天' })
  const pongs = client.frames.filter(({ opcode }) => opcode === Opcode.Pong).map(({ payload }) => payload[0])
  t.equal(pongs.at(-1), bytes.at(-1), 'pings are answered')
})

t.test('a message in fragments without end is cut off', async (t) => {
  const server = await startServer(t)
  const client = await openRaw(t, server.url)
  client.write(frame('{', { fin: false }))
  const piece = frame('a', { opcode: Opcode.Continuation, fin: false })
  const pieces = Buffer.concat(Array.from({ length: 10_000 }, () => piece))
  while (!client.ended && client.closeCode === undefined) {
    client.write(pieces)
    await nextTurn()
  }
  t.equal(client.closeCode, 1009)
  const other = await server.connect()
  t.equal((await other.ask({ type: 'heartbeat' })).type, 'heartbeat_ack')
})

t.test('many messages in one segment are all answered, in order', async (t) => {
  const server = await startServer(t)
  const client = await openRaw(t, server.url)
  const ids = range(1, 150).map(String)
  client.write(Buffer.concat(ids.map((id) => frame(beat(id)))))
  await until(() => client.messages.length === 151)
  t.strictSame(
    client.messages.slice(1).map(({ id }) => id),
    ids
  )
})

t.test('one message over a thousand segments is one message', async (t) => {
  const server = await startServer(t)
  const client = await openRaw(t, server.url, { path: '/ws?user_id=alice' })
  client.send({ type: 'join_room', room: 'r' })
  const content = '聊'.repeat(400)
  const bytes = frame(JSON.stringify({ type: 'chat_message', room: 'r', content, id: 'x' }))
  t.ok(bytes.length > 1000)
  for (const byte of bytes) {
    client.write(Buffer.of(byte))
    await nextTurn()
  }
  await until(() => client.messages.some(({ type }) => type === 'chat_message'))
  t.equal(client.messages.find(({ type }) => type === 'chat_message')?.content, content)
})

t.test('a clean close is answered with its code', async (t) => {
  const server = await startServer(t)
  for (const [payload, code] of [
    [[], 1005],
    [[0x03, 0xe8], 1000],
    [[0x03, 0xe9], 1001],
    [[0x0f, 0xa0], 4000]
  ] as const) {
    const client = await openRaw(t, server.url)
    client.write(frame(Buffer.from(payload), { opcode: Opcode.Close }))
    t.equal(await client.closed(), code)
  }
})

t.test('unasked pongs are ignored', async (t) => {
  const server = await startServer(t)
  const client = await openRaw(t, server.url)
  for (const serial of ['', '1', '999999999999999999999', 'x'.repeat(125)]) {
    client.write(frame(serial, { opcode: Opcode.Pong }))
  }
  client.write(frame(beat('x')))
  await until(() => client.messages.some(({ id }) => id === 'x'))
})
