import t from 'tap'
import { defineRoom, Type } from '../../src/app.js'
import { request, startServer } from '../support/server.js'
import { checkError, joined, nextOf, post, roomUrl } from './wire.js'

const rooms = [
  defineRoom('chat/:id', { messages: { text: Type.Object({ text: Type.String() }), vote: Type.Integer() } }),
  defineRoom('poll', { messages: { chat_message: Type.Object({ n: Type.Integer() }) } })
]

t.test('backends publish into families of rooms', async (t) => {
  const server = await startServer(t, {}, { rooms })
  const publish = (room: string, body: object) => post(roomUrl(server, room, '/messages'), body)

  await t.test('under the types that a room takes, live and in the history', async (t) => {
    const alice = await joined(server, 'chat/1', 'alice')
    const { status, body } = await publish('chat/1', { type: 'text', content: { text: 'hello' }, user_id: 'shop' })
    t.equal(status, 201)
    t.match(body, { room: 'chat/1', offset: 1, duplicate: false })
    const live = await nextOf(alice, 'text')
    t.match(live, { type: 'text', content: { text: 'hello' }, user_id: 'shop', message_id: body.message_id, offset: 1 })
    t.same((await request(roomUrl(server, 'chat/1', '/history'))).body.messages, [live])
  })

  await t.test('as chat_message where they name no type', async (t) => {
    const { status } = await publish('poll', { content: { n: 1 } })
    t.equal(status, 201)
    t.equal((await publish('poll', { type: 'chat_message', content: { n: 2 } })).status, 201)
    const { messages } = (await request(roomUrl(server, 'poll', '/history'))).body
    t.match(messages, [{ type: 'chat_message' }, { type: 'chat_message' }])
  })

  const refused: Array<[room: string, body: object, code: string, message: string]> = [
    ['chat/2', { type: 'text', content: { text: 5 } }, 'invalid_message', 'content.text: expected string'],
    ['chat/2', { type: 'vote', content: 1.5 }, 'invalid_message', 'content: expected integer'],
    ['chat/2', { content: { text: 'x' } }, 'invalid_message', 'type: this room takes no chat_message'],
    ['lobby', { type: 'vote', content: 1 }, 'invalid_message', 'type: this room takes no vote'],
    ['chat/2', { type: 'dance', content: 1 }, 'unknown_type', 'Unknown message type'],
    ['chat/2', { type: 'signal', content: 1 }, 'unknown_type', 'Unknown message type'],
    ['chat/2', { type: 5, content: 1 }, 'invalid_message', 'type: expected string']
  ]

  await t.test('and are told the field that breaks the schema', async (t) => {
    for (const [room, body, code, message] of refused) {
      const answer = await publish(room, body)
      checkError(t, answer, [400, code], { title: JSON.stringify(body) })
      t.equal(answer.body.message, message)
    }
    t.match((await request(roomUrl(server, 'chat/2'))).body, { offset: 0 })
  })

  await t.test('in batches, where a bad item does not stop the others', async (t) => {
    const bad = refused.filter(([room]) => room === 'chat/2')
    const items = [
      { room: 'chat/3', type: 'vote', content: 1 },
      ...bad.map(([, body]) => ({ room: 'chat/3', ...body })),
      { room: 'chat/3', type: 'text', content: { text: 'last' } },
      { room: 'lobby', content: 'any' },
      { user: 'alice', type: 'text', content: { text: 'not for an inbox' } }
    ]
    const { body } = await post(`${server.url}/publish`, { items })
    t.match(body.results.at(0), { room: 'chat/3', offset: 1 })
    t.match(body.results.at(-3), { room: 'chat/3', offset: 2 })
    t.match(body.results.at(-2), { room: 'lobby', offset: 1 })
    t.strictSame(body.results.at(-1), { code: 'invalid_message', message: 'type: only together with room' })
    for (const [index, [, , code, message]] of bad.entries()) {
      t.strictSame(body.results[index + 1], { code, message })
    }
    const { messages } = (await request(roomUrl(server, 'chat/3', '/history'))).body
    t.match(messages, [
      { type: 'vote', content: 1 },
      { type: 'text', content: { text: 'last' } }
    ])
  })

  await t.test('from inside the application, under the same rules', async (t) => {
    const { rooms } = server.app
    const published = await rooms.publish({ room: 'chat/4', type: 'vote', content: '7', userId: null })
    t.match(published, { room: 'chat/4', offset: 1 })
    await t.rejects(rooms.publish({ room: 'chat/4', type: 'vote', content: '"x"', userId: null }), {
      code: 'invalid_message',
      message: 'content: expected integer'
    })
  })
})
