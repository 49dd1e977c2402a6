import t from 'tap'
import { request, startServer } from '../support/server.js'
import { allAnswered, onEachStore } from './each-store.js'

t.setTimeout(150_000)

const DEEP = 20_000
const chat = (content: string) => `{"id":"x","type":"chat_message","room":"r","content":${content}}`
const chatWith = (fields: object) => JSON.stringify({ id: 'x', type: 'chat_message', room: 'r', content: 1, ...fields })
const joinWith = (fields: object) => JSON.stringify({ id: 'x', type: 'join_room', ...fields })
const nested = (depth: number, [open, close] = ['[', ']']) => `${open?.repeat(depth)}1${close?.repeat(depth)}`

/** An id of the client can be read from none of these. */
const invalidJson: Record<string, string> = {
  'an empty frame': '',
  'white space': ' \n\t ',
  'half an object': '{"type":"heartbeat"',
  'no JSON at all': 'hello',
  'single quotes': "{'type':'heartbeat'}",
  'a trailing comma': '{"type":"heartbeat",}',
  'two objects': '{"type":"heartbeat"}{"type":"heartbeat"}',
  'a comment': '{"type":"heartbeat"/* */}',
  NaN: '{"type":"heartbeat","x":NaN}',
  undefined: 'undefined',
  'a leading zero': chat('01'),
  'a raw NUL': '{"type":"heartbeat"}\u0000',
  'a raw NUL in a text': chat('"\u0000"'),
  'a raw control character in a text': chat('"\u0001"'),
  'a bad escape': chat('"\\x41"'),
  'half an escape': chat('"\\u12"'),
  'unclosed nesting of 20,000': '['.repeat(DEEP),
  'a text without end': '{"type":"heartbeat","id":"x'
}

/** Well-formed, and refused for a key that poisons objects. */
const poisoned: Record<string, string> = {
  '__proto__ in the content': chat('{"__proto__":{"admin":true}}'),
  '__proto__ deep in the content': chat('[{"a":[{"__proto__":null}]}]'),
  '__proto__ at the top': '{"id":"x","type":"heartbeat","__proto__":{"type":"join_room"}}',
  '__proto__ with escapes': chat('{"\\u005f_proto__":1}'),
  'constructor.prototype in the content': chat('{"constructor":{"prototype":{"admin":true}}}'),
  'constructor.prototype at the top': '{"id":"x","type":"heartbeat","constructor":{"prototype":1}}',
  'constructor.prototype with escapes': chat('{"c\\u006fnstructor":{"prototyp\\u0065":1}}')
}

/** No objects: there is no id to answer with. */
const noObject: Record<string, string> = {
  'an array': '[]',
  'an array with a command': '[{"id":"x","type":"heartbeat"}]',
  'a number': '1',
  'a number beyond all numbers': '1e400',
  'a text': '"heartbeat"',
  null: 'null',
  true: 'true',
  'nesting of 20,000': nested(DEEP)
}

const invalidMessage: Record<string, string> = {
  'no type': '{"id":"x"}',
  'a type that is a number': '{"id":"x","type":1}',
  'a type that is null': '{"id":"x","type":null}',
  'a type that is a list': '{"id":"x","type":["heartbeat"]}',
  'no room': joinWith({}),
  'a room that is a number': joinWith({ room: 5 }),
  'a room that is null': joinWith({ room: null }),
  'a room that is an object': joinWith({ room: {} }),
  'a room that is a list': joinWith({ room: ['r'] }),
  'a user_id that is a number': joinWith({ room: 'r', user_id: 5 }),
  'no content': JSON.stringify({ id: 'x', type: 'chat_message', room: 'r' }),
  'a message_id that is a number': chatWith({ message_id: 5 }),
  'a message_id that is an object': chatWith({ message_id: {} }),
  'a content of 20,000 arrays': chat(nested(DEEP)),
  'a content of 6,000 objects': chat(nested(6000, ['{"a":', '}'])),
  'an unknown field of 20,000 arrays': `{"id":"x","type":"heartbeat","y":${nested(DEEP)}}`,
  'a content of 65 arrays': chat(nested(65)),
  'a last beyond all numbers': '{"id":"x","type":"join_room","room":"r","last":1e400}',
  'an offset beyond all numbers': '{"id":"x","type":"join_room","room":"r","since":{"epoch":"e","offset":1e400}}'
}

const unknownTypes = [
  '',
  'dance',
  'JOIN_ROOM',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'ack',
  '\u0000'
]

const badIds: Record<string, string> = {
  'of 0 bytes': '',
  'of 129 bytes': 'a'.repeat(129),
  'of 43 letters and 129 bytes': '聊'.repeat(43),
  'of 33 faces and 132 bytes': '😀'.repeat(33),
  'of 10 KB': 'a'.repeat(10_240),
  'with a NUL': 'a\u0000',
  'with a line feed': 'a\nb',
  'with a tab': '\t',
  'with a delete character': 'a\u007f',
  'with a C1 control character': 'a\u0085b',
  'that is a dot': '.',
  'that is two dots': '..',
  'with a high surrogate alone': 'a\ud800',
  'with a low surrogate alone': '\udc00a',
  'with surrogates in the wrong order': '\udc00\ud800'
}

interface BadFrame {
  readonly title: string
  readonly text: string
  readonly code: string
  readonly id?: string
}

const rows = (table: Record<string, string>, code: string, id?: string): BadFrame[] =>
  Object.entries(table).map(([title, text]) => ({ title, text, code, ...(id && { id }) }))

const badFrames: BadFrame[] = [
  ...rows(invalidJson, 'invalid_json'),
  ...rows(poisoned, 'invalid_json', 'x'),
  ...rows(noObject, 'invalid_message'),
  ...rows(invalidMessage, 'invalid_message', 'x'),
  ...unknownTypes.map((type) => ({
    title: `the type ${JSON.stringify(type)}`,
    text: JSON.stringify({ id: 'x', type }),
    code: 'unknown_type',
    id: 'x'
  })),
  ...Object.entries(badIds).flatMap(([title, bad]) => [
    { title: `a room ${title}`, text: chatWith({ room: bad }), code: 'invalid_id', id: 'x' },
    { title: `a room to join ${title}`, text: joinWith({ room: bad }), code: 'invalid_id', id: 'x' },
    { title: `a user_id ${title}`, text: joinWith({ room: 'r', user_id: bad }), code: 'invalid_id', id: 'x' },
    { title: `a message_id ${title}`, text: chatWith({ message_id: bad }), code: 'invalid_id', id: 'x' },
    {
      title: `a message_id of a position ${title}`,
      text: joinWith({ room: 'r', since: { epoch: 'e', offset: 1, message_id: bad } }),
      code: 'invalid_id',
      id: 'x'
    }
  ])
]

t.test('bad input gets its documented error, once, and leaves connection and server as they were', async (t) => {
  const server = await startServer(t)
  for (const { title, text, code, id } of badFrames) {
    const client = await server.connect()
    client.raw(text)
    t.equal((await client.ask({ type: 'heartbeat' })).type, 'heartbeat_ack', title)
    await allAnswered(client)
    const errors = client.messages.filter(({ type }) => type === 'error')
    t.match(errors, [{ code, message: String }], title)
    t.equal(errors.length, 1, title)
    t.equal(errors[0]?.id, id, `${title}: the id of the error`)
    t.equal((await client.ask({ type: 'join_room', room: 'lives' })).type, 'ack', title)
    client.terminate()
  }
  t.equal(({} as { admin?: boolean }).admin, undefined)
})

onEachStore('nothing of a refused message is stored, in no room', async (t, start) => {
  const server = await start()
  for (const { text } of badFrames.filter((bad) => bad.text.includes('chat_message'))) {
    const client = await server.connect()
    client.raw(text)
    await client.next(({ type }) => type === 'error')
    client.terminate()
  }
  t.match((await request(`${server.url}/rooms/r`)).body, { online_count: 0, epoch: null, offset: 0 })
  t.match((await request(`${server.url}/rooms`)).body, { rooms: [] })
})

t.test('an invalid_message names the field', async (t) => {
  const server = await startServer(t)
  const client = await server.connect()
  const named: Array<[field: string, command: object]> = [
    ['type', { type: 5 }],
    ['room', { type: 'join_room', room: 5 }],
    ['content', { type: 'chat_message', room: 'r' }],
    ['last', { type: 'join_room', room: 'r', last: -1 }],
    ['offset', { type: 'join_room', room: 'r', since: { epoch: 'e', offset: -1 } }],
    ['limit', { type: 'read_history', room: 'r', limit: 0 }],
    ['id', { type: 'heartbeat', id: '' }]
  ]
  for (const [field, command] of named) {
    client.send(command)
    const { code, message } = await client.next(({ type }) => type === 'error')
    t.equal(code, 'invalid_message')
    t.match(message, new RegExp(field))
  }
})

t.test('no error tells of the inside', async (t) => {
  const server = await startServer(t)
  for (const { title, text } of badFrames) {
    const client = await server.connect()
    client.raw(text)
    const { type, id, code, message, ...rest } = await client.next((m) => m.type === 'error')
    t.strictSame(rest, {}, title)
    t.ok(Buffer.byteLength(message) < 200, title)
    t.notMatch(message, /\/work|node_modules|at .*:\d+|typebox|SyntaxError/i, title)
    client.terminate()
  }
})

t.test('a byte order mark is answered in one way or the other', async (t) => {
  const server = await startServer(t)
  const client = await server.connect()
  client.raw(`\ufeff${JSON.stringify({ id: 'x', type: 'leave_room', room: 'r' })}`)
  const answer = await client.next(({ type }) => type === 'ack' || type === 'error')
  t.ok(answer.type === 'ack' || answer.code === 'invalid_json')
  t.equal((await client.ask({ type: 'heartbeat' })).type, 'heartbeat_ack')
})
