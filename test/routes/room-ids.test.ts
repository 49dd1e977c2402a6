import t from 'tap'
import { request, startServer, type TestServer } from '../support/server.js'
import { checkError, joined, nextOf, parsed, post, rawRequest, roomUrl } from './wire.js'

/** Every byte as `%XX`, so that nothing on the way can take it for something else. */
const escaped = (text: string | Buffer) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

/** Every route that has a room in its path. */
const roomRoutes: Array<[method: string, rest: string]> = [
  ['GET', ''],
  ['GET', '/online'],
  ['GET', '/members'],
  ['GET', '/history'],
  ['POST', '/messages']
]

async function ask(server: TestServer, path: string, method = 'GET') {
  const post = method === 'POST' ? { headers: { 'content-type': 'application/json' }, body: '{"content":1}' } : {}
  return parsed(await rawRequest(server, path, { method, ...post }))
}

t.test('rooms of awkward names are rooms like any other', async (t) => {
  const server = await startServer(t)
  const names = [
    '聊天 室/1',
    '{a}b',
    '../x',
    '/',
    '//',
    '...',
    ' ',
    '%',
    '%2F',
    '%25',
    'a%2Fb',
    'a/b',
    'a?b#c&d=e;f',
    'a+b',
    'room:x',
    '*',
    ':room',
    '\\',
    '"',
    '\u00a0',
    '\u2028',
    '\ud83d\ude00',
    'é',
    'e\u0301',
    '__proto__',
    'constructor',
    'toString',
    'messages',
    'history',
    'x'.repeat(128),
    `${'天'.repeat(42)}ab`,
    '\ud83d\ude00'.repeat(32)
  ]

  for (const [index, room] of names.entries()) {
    const member = await joined(server, room, 'alice')
    const { status, body } = await post(roomUrl(server, room, '/messages'), { content: index })
    t.match({ status, ...body }, { status: 201, room, offset: 1 }, `name ${index}: publish`)
    t.match(await nextOf(member, 'chat_message'), { room, content: index }, `name ${index}: live`)
    const bytewise = `/rooms/${escaped(room)}`
    const counts = { room, online_count: 1, connections: 1 }
    t.match((await ask(server, bytewise)).body, { ...counts, epoch: body.epoch, offset: 1 }, `name ${index}: state`)
    t.strictSame((await ask(server, `${bytewise}/online`)).body, counts, `name ${index}: online`)
    t.match(
      (await ask(server, `${bytewise}/members`)).body,
      { room, members: [{ user_id: 'alice' }] },
      `name ${index}: members`
    )
    const history = (await ask(server, `${bytewise}/history`)).body
    t.match(history, { room, offset: 1, messages: [{ room, content: index }] }, `name ${index}: history`)
    member.terminate()
  }
})

t.test('an id of 128 bytes may be 384 letters of a path', async (t) => {
  const server = await startServer(t)
  const room = `${'天'.repeat(42)}ab`
  const path = escaped(room)
  t.equal(Buffer.byteLength(room), 128)
  t.equal(path.length, 384)
  for (const [method, rest] of roomRoutes) {
    const { status, body } = await ask(server, `/rooms/${path}${rest}`, method)
    t.match({ status, ...body }, { status: method === 'POST' ? 201 : 200, room }, `${method} ${rest}`)
  }
})

t.test('what is no id is invalid_id on every route', async (t) => {
  const server = await startServer(t)
  const bad: Array<[what: string, path: string]> = [
    ['one dot', '.'],
    ['two dots', '..'],
    ['one escaped dot', '%2e'],
    ['two escaped dots', '%2E%2e'],
    ['129 bytes', 'x'.repeat(129)],
    ['129 escaped bytes', escaped('x'.repeat(129))],
    ['43 letters of three bytes', encodeURIComponent('天'.repeat(43))],
    ['10,000 bytes', 'x'.repeat(10_000)],
    ['NUL', 'a%00b'],
    ['a line feed', 'a%0Ab'],
    ['a carriage return', '%0D'],
    ['a tab', '%09'],
    ['DEL', 'a%7F'],
    ['a C1 control character', '%C2%85']
  ]
  for (const [method, rest] of roomRoutes) {
    for (const [what, path] of bad) {
      const title = `${method} /rooms/:room${rest} with ${what}`
      checkError(t, await ask(server, `/rooms/${path}${rest}`, method), [400, 'invalid_id'], { title })
    }
  }
  t.same((await request(`${server.url}/rooms`)).body.rooms, [])
})

t.test('an escape that is no UTF-8 is refused', async (t) => {
  const server = await startServer(t)
  const bad: Array<[what: string, path: string]> = [
    ['a lone surrogate', 'a%ED%A0%80'],
    ['two surrogates of three bytes each', '%ED%A0%BD%ED%B8%80'],
    ['a byte that is no UTF-8', '%FF'],
    ['half a letter', '%E5%A4'],
    ['an overlong slash', '%C0%AF'],
    ['a broken escape', '%zz'],
    ['an escape cut off', 'a%2'],
    ['a percent sign alone', '100%']
  ]
  for (const [method, rest] of roomRoutes) {
    for (const [what, path] of bad) {
      const answer = await ask(server, `/rooms/${path}${rest}`, method)
      const title = `${method} /rooms/:room${rest} with ${what}`
      t.match(answer.body.code, /^invalid_(id|message)$/, title)
      checkError(t, answer, [400, answer.body.code], { title })
    }
  }
})

t.test('an empty name is not a room', async (t) => {
  const server = await startServer(t)
  for (const [method, rest] of roomRoutes.slice(1)) {
    const answer = await ask(server, `/rooms/${rest}`, method)
    t.ok(answer.status === 400 || answer.status === 404, `${method} /rooms/${rest}: ${answer.status}`)
    checkError(t, answer, answer.status === 400 ? [400, 'invalid_id'] : [404, 'not_found'])
  }
})

t.test('two ways to write a name are one room, two names are two', async (t) => {
  const server = await startServer(t)
  await ask(server, '/rooms/caf%C3%A9/messages', 'POST')
  t.equal((await ask(server, '/rooms/%63af%c3%a9')).body.offset, 1)
  t.equal((await ask(server, '/rooms/cafe%CC%81')).body.offset, 0, 'ids are compared byte by byte')
  t.equal((await ask(server, '/rooms/CAF%C3%89')).body.offset, 0)
  t.equal((await ask(server, '/rooms/caf%25C3%25A9')).body.offset, 0, 'an escape is undone once')
})
