import fc from 'fast-check'
import t from 'tap'
import type { LiveClient } from '../support/live-client.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { onEachStore } from './each-store.js'

t.setTimeout(150_000)

async function member(server: TestServer): Promise<LiveClient> {
  const client = await server.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  return client
}

/** Sends a content as it is written and gives the frame in which it comes back. */
async function echoOf(client: LiveClient, content: string): Promise<string> {
  client.raw(`{"type":"chat_message","room":"r","content":${content}}`)
  await client.next((m) => m.type === 'chat_message' || m.type === 'error')
  return client.frames.at(-1) as string
}

const asWritten = [
  '12345678901234567890',
  '-12345678901234567890',
  '{"id":9007199254740993}',
  '[12345678901234567890,{"n":0.1234567890123456789}]',
  '1.0',
  '1E+2',
  '-0',
  '1e400',
  '1e-400',
  '0.1e1',
  '"\\u0041\\/"',
  '"\\ud800"',
  '"\\u0000"',
  '" "',
  '"content\\":1,"',
  '"}{][,:"',
  '"\\\\"',
  '"\\\\\\""',
  '{"content":{"content":2}}',
  '{"a":1,"a":2}',
  '{"":""}',
  '{"constructor":1,"prototype":2,"toString":null}'
]

onEachStore('a content comes back as it was written, live and from the history', async (t, start) => {
  const server = await start()
  const client = await member(server)
  for (const content of asWritten) {
    t.ok((await echoOf(client, content)).includes(`"content":${content},`), content)
    const response = await fetch(`${server.url}/rooms/r/history?limit=1`)
    t.ok((await response.text()).includes(`"content":${content},`), `${content} in the history`)
    client.raw('{"id":"h","type":"read_history","room":"r","limit":1}')
    await client.next(({ id }) => id === 'h')
    t.ok(client.frames.at(-1)?.includes(`"content":${content},`), `${content} in read_history`)
  }
})

t.test('big numbers keep their digits where line feeds stand between the tokens', async (t) => {
  const server = await startServer(t)
  const client = await member(server)
  for (const content of ['{\n  "n": 12345678901234567890\n}', '\r\n12345678901234567890\r\n', '[\n1.50,\n1e400]']) {
    const echoed = await echoOf(client, content)
    const numbers = content.match(/[\d.e]+/g) ?? []
    for (const number of numbers) t.ok(echoed.includes(number), `${number} in ${echoed}`)
  }
})

t.test('of keys that stand twice the last one counts', async (t) => {
  const server = await startServer(t)
  const client = await member(server)
  client.raw(
    '{"type":"heartbeat","type":"chat_message","room":"x","room":"r","content":1,"content":{"b":2},"id":"1","id":"2"}'
  )
  t.match(await client.next(({ type }) => type === 'chat_message'), { room: 'r', content: { b: 2 } })
  t.match(await client.next(({ type }) => type === 'ack'), { id: '2', room: 'r' })
})

t.test('a key may be written with escapes', async (t) => {
  const server = await startServer(t)
  const client = await member(server)
  client.raw('{"\\u0074ype":"chat_message","r\\u006fom":"r","\\u0063ontent":12345678901234567890}')
  await client.next(({ type }) => type === 'chat_message')
  t.match(client.frames.at(-1), '"content":12345678901234567890')
})

t.test('nesting of 64 levels, the message counted, is delivered and kept', async (t) => {
  const server = await startServer(t)
  const client = await member(server)
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}']
  ] as const) {
    const deepest = `${open.repeat(63)}1${close.repeat(63)}`
    t.ok((await echoOf(client, deepest)).includes(deepest))
    t.equal(JSON.parse(await echoOf(client, `${open.repeat(64)}1${close.repeat(64)}`)).code, 'invalid_message')
  }
  t.ok((await echoOf(client, JSON.stringify('['.repeat(20_000)))).includes('[[['), 'brackets in a text are no nesting')
  const { body } = await request(`${server.url}/rooms/r/history`)
  t.equal(body.messages.length, 3)
})

t.test('an object of 10,000 keys is a content', async (t) => {
  const server = await startServer(t, { MAX_MESSAGE_BYTES: 1_000_000 })
  const client = await member(server)
  const content = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`key ${n}`, n]))
  await client.ask({ type: 'chat_message', room: 'r', content })
  t.strictSame((await client.next(({ type }) => type === 'chat_message')).content, content)
})

onEachStore('whatever JSON is sent is what is heard', async (t, start) => {
  const server = await start({ RATE_LIMIT_PER_SECOND: 0 })
  const client = await member(server)
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 8 }), fc.nat(4), async (json, spaces) => {
      if (/__proto__|constructor/.test(json)) return
      const content: unknown = JSON.parse(json)
      client.raw(JSON.stringify({ type: 'chat_message', room: 'r', content }, null, spaces))
      const heard = await client.next(({ type }) => type === 'chat_message' || type === 'error')
      t.strictSame(heard.content, content)
    }),
    { numRuns: 200 }
  )
})

t.test('whatever a client sends is answered, and the connection lives', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 0 })
  const types = ['join_room', 'leave_room', 'chat_message', 'signal', 'read_history', 'list_members', 'heartbeat']
  const names = [
    'room',
    'user_id',
    'content',
    'message_id',
    'since',
    'last',
    'limit',
    'after',
    'before',
    'cursor',
    'offset'
  ]
  const fields = fc.dictionary(fc.constantFrom(...names), fc.jsonValue(), { maxKeys: 5 })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...types), fields, async (type, rest) => {
      const client = await server.connect()
      const answer = await client.ask({ ...rest, type })
      t.not(answer.code, 'internal', JSON.stringify({ ...rest, type }))
      t.equal((await client.ask({ type: 'heartbeat' })).type, 'heartbeat_ack')
      client.terminate()
    }),
    { numRuns: 300 }
  )
})
