import t from 'tap'
import { request, startServer } from '../support/server.js'
import { checkError, joined, nextOf, post, roomUrl, TIMESTAMP, UUID_V7 } from './wire.js'

const FIELDS = ['duplicate', 'durable', 'epoch', 'message_id', 'offset', 'room', 'timestamp']

t.test('publishing into a room', async (t) => {
  const server = await startServer(t)
  const publish = (room: string, body: object, headers = {}) => post(roomUrl(server, room, '/messages'), body, headers)

  await t.test('201 tells where the message stands', async (t) => {
    const before = new Date().toISOString()
    const { status, headers, body } = await publish('lobby', { content: { text: 'hi' } })
    t.equal(status, 201)
    t.match(headers.get('content-type'), /^application\/json/)
    t.same(Object.keys(body).sort(), FIELDS)
    t.match(body, { room: 'lobby', message_id: UUID_V7, epoch: String, timestamp: TIMESTAMP })
    t.match(body, { offset: 1, duplicate: false, durable: 'memory' })
    t.ok(Buffer.byteLength(body.epoch) >= 1 && Buffer.byteLength(body.epoch) <= 64)
    t.ok(body.timestamp >= before && body.timestamp <= new Date().toISOString())
    const next = await publish('lobby', { content: 2 })
    t.match(next.body, { offset: 2, epoch: body.epoch })
    t.not(next.body.message_id, body.message_id)
  })

  await t.test('members get it live, as the answer says', async (t) => {
    const member = await joined(server, 'live', 'alice')
    const { body } = await publish('live', { content: ['x'], user_id: 'billing', message_id: 'order-7' })
    const { message_id, epoch, offset, timestamp } = body
    t.equal(message_id, 'order-7')
    t.strictSame(await nextOf(member, 'chat_message'), {
      type: 'chat_message',
      room: 'live',
      content: ['x'],
      user_id: 'billing',
      message_id,
      epoch,
      offset,
      timestamp
    })
  })

  await t.test('without a user_id the message has null', async (t) => {
    const member = await joined(server, 'nameless', 'alice')
    await publish('nameless', { content: 1 })
    t.strictSame((await nextOf(member, 'chat_message')).user_id, null)
  })

  await t.test('posts side by side get offsets without a hole', async (t) => {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, content) => publish('burst', { content })))
    t.same(
      answers.map(({ body }) => body.offset).sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, index) => index + 1)
    )
  })

  await t.test('unknown fields are ignored', async (t) => {
    const { status } = await publish('extra', { content: 1, room: 'other', type: 'x', offset: 9, constructor: 1 })
    t.equal(status, 201)
    t.equal((await request(roomUrl(server, 'other'))).body.offset, 0)
  })
})

t.test('publishing with an id', async (t) => {
  const server = await startServer(t)
  const publish = (room: string, body: object, headers = {}) => post(roomUrl(server, room, '/messages'), body, headers)

  await t.test('the same id again stores nothing and gives the first answer', async (t) => {
    const member = await joined(server, 'twice', 'alice')
    const first = await publish('twice', { content: 'one', message_id: 'm-1' })
    t.equal(first.status, 201)
    const second = await publish('twice', { content: 'another', message_id: 'm-1', user_id: 'bob' })
    t.equal(second.status, 200)
    t.strictSame(second.body, { ...first.body, duplicate: true })
    const overSocket = await member.ask({ type: 'chat_message', room: 'twice', content: 'x', message_id: 'm-1' })
    t.match(overSocket, { type: 'ack', duplicate: true, offset: 1, timestamp: first.body.timestamp })
    await publish('twice', { content: 'last' })
    const live = await member.collect('chat_message', 2)
    t.same(
      live.map(({ content }) => content),
      ['one', 'last']
    )
    t.equal((await request(roomUrl(server, 'twice', '/history'))).body.messages.length, 2)
  })

  await t.test('an id counts in its room only', async (t) => {
    t.equal((await publish('here', { content: 1, message_id: 'shared' })).status, 201)
    t.equal((await publish('there', { content: 1, message_id: 'shared' })).status, 201)
  })

  await t.test('of many posts side by side with one id one is stored', async (t) => {
    const bodies = Array.from({ length: 20 }, (_, content) => ({ content, message_id: 'race' }))
    const answers = await Promise.all(bodies.map((body) => publish('race', body)))
    t.equal(answers.filter(({ status }) => status === 201).length, 1)
    t.equal(answers.filter(({ status, body }) => status === 200 && body.duplicate === true).length, 19)
    t.equal(new Set(answers.map(({ body }) => `${body.epoch} ${body.offset} ${body.timestamp}`)).size, 1)
    t.equal((await request(roomUrl(server, 'race'))).body.offset, 1)
  })

  await t.test('the header Idempotency-Key serves as the id', async (t) => {
    const first = await publish('keyed', { content: 1 }, { 'idempotency-key': 'key-1' })
    t.equal(first.status, 201)
    t.equal(first.body.message_id, 'key-1')
    const second = await publish('keyed', { content: 1 }, { 'Idempotency-Key': 'key-1' })
    t.equal(second.status, 200)
    t.strictSame(second.body, { ...first.body, duplicate: true })
    const named = await publish('keyed', { content: 1, message_id: 'key-1' })
    t.equal(named.status, 200, 'header and field name the same thing')
  })

  await t.test('header and field together have to agree', async (t) => {
    const agreed = await publish('agree', { content: 1, message_id: 'same' }, { 'idempotency-key': 'same' })
    t.equal(agreed.status, 201)
    t.equal(agreed.body.message_id, 'same')
    const differing = await publish('agree', { content: 1, message_id: 'one' }, { 'idempotency-key': 'two' })
    checkError(t, differing, [400, 'invalid_message'])
    t.equal((await request(roomUrl(server, 'agree'))).body.offset, 1, 'nothing was stored')
  })

  await t.test('a header that is no id is refused', async (t) => {
    for (const key of ['.', '..', 'x'.repeat(129)]) {
      checkError(t, await publish('agree', { content: 1 }, { 'idempotency-key': key }), [400, 'invalid_id'])
    }
    t.equal((await publish('agree', { content: 1 }, { 'idempotency-key': 'x'.repeat(128) })).status, 201)
  })

  await t.test('names of every object are ids like any other', async (t) => {
    for (const message_id of ['__proto__', 'constructor', 'toString', '{a}b', '聊天 室/1', '*']) {
      t.equal((await publish('odd', { content: 1, message_id })).status, 201, message_id)
      t.equal((await publish('odd', { content: 1, message_id })).status, 200, message_id)
    }
  })
})

t.test('bad ids in the body are invalid_id, other types invalid_message', async (t) => {
  const server = await startServer(t)
  const url = roomUrl(server, 'strict', '/messages')
  const badIds = [
    '',
    '.',
    '..',
    'x'.repeat(129),
    '天'.repeat(43),
    'a\nb',
    'a\u0000',
    '\u007f',
    '\u0085',
    '\ud800',
    'a\udc00'
  ]
  for (const field of ['message_id', 'user_id']) {
    for (const id of badIds) {
      const title = `${field} ${JSON.stringify(id).slice(0, 20)}`
      checkError(t, await post(url, { content: 1, [field]: id }), [400, 'invalid_id'], { title })
    }
    for (const value of [1, true, {}, ['x'], 0]) {
      const title = `${field} ${JSON.stringify(value)}`
      const answer = await post(url, { content: 1, [field]: value })
      checkError(t, answer, [400, 'invalid_message'], { title })
      t.match(answer.body.message, new RegExp(field), 'the message names the field')
    }
  }
  for (const user of ['anonymous:', 'anonymous:x', 'anonymous:6f2c']) {
    checkError(t, await post(url, { content: 1, user_id: user }), [400, 'invalid_id'], { title: user })
  }
  t.equal((await request(roomUrl(server, 'strict'))).body.epoch, null, 'nothing of it was stored')
  for (const user_id of ['Anonymous:x', 'anonymous', 'a:anonymous:', '天'.repeat(42), '__proto__', ' ']) {
    t.equal((await post(url, { content: 1, user_id })).status, 201, user_id)
  }
})
