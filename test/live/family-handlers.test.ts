import t from 'tap'
import { defineRoom, RoomcastError, type RoomMessage, Type } from '../../src/app.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'
import { onEachStore } from './each-store.js'

t.setTimeout(150_000)

const messages = { text: Type.Object({ text: Type.String() }), chat_message: Type.Unknown() }

/** A handler that lets a message through when the test says so: by its content. */
function gates() {
  const open = new Map<unknown, () => void>()
  const begun: unknown[] = []
  return {
    begun,
    open: (content: unknown) => open.get(content)?.(),
    onMessage: async ({ content }: { content: unknown }) => {
      begun.push(content)
      if (typeof content === 'string') await new Promise<void>((resolve) => open.set(content, resolve))
    }
  }
}

async function contentsOf(client: LiveClient, room: string): Promise<unknown[]> {
  const { messages } = await client.ask({ type: 'read_history', room })
  return messages.map(({ content }: Message) => content)
}

t.test('the handler of a family is told type, content, room, parameters and user of each message', async (t) => {
  const seen: Array<RoomMessage<'chat/:tenant/:id', typeof messages>> = []
  const family = defineRoom('chat/:tenant/:id', { messages, onMessage: (message) => seen.push(message) })
  const server = await startServer(t, {}, { rooms: [family] })
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'text', room: 'chat/acme/7', content: { text: 'hello' } })
  await request(`${server.url}/rooms/chat%2Facme%2F7/messages`, { method: 'POST', body: { content: 1 } })
  await server.app.rooms.publish({ room: 'chat/acme/8', content: '[2]', userId: 'app' })
  await alice.ask({ type: 'chat_message', room: 'lobby', content: 'not of the family' })
  await alice.ask({ type: 'text', room: 'chat/acme/7', content: 'does not fit' })
  const params = { tenant: 'acme', id: '7' }
  t.strictSame(seen, [
    { type: 'text', content: { text: 'hello' }, room: 'chat/acme/7', params, userId: 'alice' },
    { type: 'chat_message', content: 1, room: 'chat/acme/7', params, userId: null },
    { type: 'chat_message', content: [2], room: 'chat/acme/8', params: { tenant: 'acme', id: '8' }, userId: 'app' }
  ])
})

t.test('a message is stored and delivered only when the handler has let it through', async (t) => {
  const gate = gates()
  const server = await startServer(t, {}, { rooms: [defineRoom('r', { onMessage: gate.onMessage })] })
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'r' })
  const asked = alice.ask({ type: 'chat_message', room: 'r', content: 'slow' })
  await until(() => gate.begun.length === 1)
  t.match((await request(`${server.url}/rooms/r`)).body, { offset: 0 })
  t.notOk(alice.messages.some(({ type }) => type === 'chat_message'))
  gate.open('slow')
  t.match(await asked, { type: 'ack', offset: 1 })
  await alice.next(({ type }) => type === 'chat_message')
})

onEachStore('a slow handler lets no message of a connection overtake another in one room', async (t, start) => {
  const gate = gates()
  const server = await start({}, { rooms: [defineRoom('chat/:id', { onMessage: gate.onMessage })] })
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  const say = (client: LiveClient, room: string, content: unknown) =>
    client.ask({ type: 'chat_message', room, content })
  const first = say(alice, 'chat/1', 'first')
  const others = [2, 3, 4].map((content) => say(alice, 'chat/1', content))
  t.match(await say(alice, 'chat/2', 5), { type: 'ack', offset: 1 }, 'another room does not wait')
  t.match(await say(bob, 'chat/1', 6), { type: 'ack', offset: 1 }, 'another connection does not wait')
  t.strictSame(gate.begun, ['first', 5, 6], 'the handler is not asked about the next before the last is through')
  gate.open('first')
  const offsets = (await Promise.all([first, ...others])).map(({ offset }) => offset)
  t.strictSame(offsets, [2, 3, 4, 5])
  t.strictSame(await contentsOf(bob, 'chat/1'), [6, 'first', 2, 3, 4])
})

t.test('a room that was silent for a while, or whose messages were refused, goes on in order', async (t) => {
  const gate = gates()
  const refuse = async (message: { content: unknown }) => {
    await gate.onMessage(message)
    if (message.content === 'bad') throw new RoomcastError('forbidden', { message: 'not here' })
  }
  const server = await startServer(t, {}, { rooms: [defineRoom('r', { onMessage: refuse })] })
  const alice = await server.connect('/ws?user_id=alice')
  const say = (content: unknown) => alice.ask({ type: 'chat_message', room: 'r', content })
  t.match(await say(1), { offset: 1 })
  const [bad, next] = [say('bad'), say(2)]
  await until(() => gate.begun.includes('bad'))
  gate.open('bad')
  t.match(await bad, { type: 'error', code: 'forbidden', message: 'not here' })
  t.match(await next, { type: 'ack', offset: 2 })
  t.match(await say(3), { offset: 3 })
  t.strictSame(await contentsOf(alice, 'r'), [1, 2, 3])
})

t.test('items of a batch keep their order in each room through a slow handler', async (t) => {
  const gate = gates()
  const server = await startServer(t, {}, { rooms: [defineRoom('chat/:id', { onMessage: gate.onMessage })] })
  const items = ['first', 2, 3].map((content) => ({ room: 'chat/1', content }))
  const posted = request(`${server.url}/publish`, { method: 'POST', body: { items } })
  await until(() => gate.begun.length > 0)
  gate.open('first')
  const { body } = await posted
  t.match(body.results, [{ offset: 1 }, { offset: 2 }, { offset: 3 }])
  t.strictSame(await contentsOf(await server.connect(), 'chat/1'), ['first', 2, 3])
})

t.test(
  'what a handler throws by mistake is an internal error, says nothing of the inside, and is reported',
  async (t) => {
    const mistake = Object.assign(new Error('the database is at 10.0.0.7'), { statusCode: 404 })
    const reported: unknown[] = []
    const server = await startServer(
      t,
      { LOG_LEVEL: 'silent' },
      {
        rooms: [
          defineRoom('now', { onMessage: () => Promise.reject(mistake) }),
          defineRoom('here', {
            onMessage: () => {
              throw mistake
            }
          })
        ]
      }
    )
    server.app.log.error = (line: unknown) => void reported.push((line as { err?: unknown }).err)
    const alice = await server.connect('/ws?user_id=alice')
    for (const room of ['now', 'here']) {
      reported.length = 0
      const answer = await alice.ask({ type: 'chat_message', room, content: 1 })
      t.match(answer, { type: 'error', code: 'internal', message: 'Internal error' }, room)
      t.ok(reported.includes(mistake), 'reported')
      const posted = await request(`${server.url}/rooms/${room}/messages`, { method: 'POST', body: { content: 1 } })
      t.match(posted, { status: 500, body: { code: 'internal', message: 'Internal error' } }, room)
      const batch = await request(`${server.url}/publish`, { method: 'POST', body: { items: [{ room, content: 1 }] } })
      t.match(batch.body.results, [{ code: 'internal', message: 'Internal error' }])
      t.match((await request(`${server.url}/rooms/${room}`)).body, { offset: 0 })
    }
  }
)

t.test('a handler is asked again about a message that is repeated, which is stored once', async (t) => {
  const seen: unknown[] = []
  const server = await startServer(
    t,
    {},
    { rooms: [defineRoom('r', { onMessage: ({ content }) => seen.push(content) })] }
  )
  const alice = await server.connect('/ws?user_id=alice')
  const message = { type: 'chat_message', room: 'r', content: 1, message_id: 'm' }
  t.match(await alice.ask(message), { duplicate: false, offset: 1 })
  t.match(await alice.ask(message), { duplicate: true, offset: 1 })
  t.strictSame(seen, [1, 1])
})
