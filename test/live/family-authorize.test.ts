import t from 'tap'
import { defineRoom, RoomcastError, RoomDefinitionError, type RoomVisit } from '../../src/app.js'
import type { Message } from '../support/live-client.js'
import { request, startServer } from '../support/server.js'
import { SECRET, seconds, signToken } from '../support/tokens.js'
import { until } from '../support/until.js'
import { chatOf, onEachStore } from './each-store.js'

const inRoom = [
  { operation: 'join', message: { type: 'join_room' } },
  { operation: 'publish', message: { type: 'chat_message', content: 1 } },
  { operation: 'signal', message: { type: 'signal', content: 1 } },
  { operation: 'history', message: { type: 'read_history' } },
  { operation: 'members', message: { type: 'list_members' } }
] as const

t.test('a family is asked what a client may do in its rooms, and its word holds', async (t) => {
  const visits: Array<RoomVisit<'chat/:id'>> = []
  const family = defineRoom('chat/:id', {
    authorize: (visit) => {
      visits.push(visit)
      return visit.params.id === visit.operation
    }
  })
  const server = await startServer(t, {}, { rooms: [family] })
  const client = await server.connect('/ws?user_id=alice')
  for (const { operation, message } of inRoom) {
    for (const { operation: id } of inRoom) {
      visits.length = 0
      const answer = await client.ask({ ...message, room: `chat/${id}` })
      t.equal(answer.code, id === operation ? undefined : 'forbidden', `${operation} in chat/${id}`)
      t.strictSame(visits, [{ operation, room: `chat/${id}`, params: { id }, userId: 'alice' }])
    }
    t.equal((await client.ask({ ...message, room: 'lobby' })).type, 'ack', 'a room that is none of the family’s')
  }
  t.match(await client.ask({ type: 'join_room', room: 'chat/join', last: 1 }), { code: 'forbidden' })
  t.strictSame(
    visits.slice(-2).map(({ operation }) => operation),
    ['join', 'history']
  )
})

t.test('only true lets a client go on; what is thrown is told as it is, or reported', async (t) => {
  const answers: Record<string, () => unknown> = {
    true: () => true,
    promise: async () => true,
    false: () => false,
    nothing: () => undefined,
    number: () => 1,
    late: async () => 'yes',
    refusal: () => {
      throw new RoomcastError('rate_limited', { message: 'not today' })
    },
    fault: async () => {
      throw new Error('secret')
    }
  }
  const family = defineRoom('r/:id', { authorize: ({ params }) => answers[params.id]?.() as boolean })
  const server = await startServer(t, { LOG_LEVEL: 'silent' }, { rooms: [family] })
  const client = await server.connect('/ws?user_id=alice')
  for (const [id, code] of [
    ['true', undefined],
    ['promise', undefined],
    ['false', 'forbidden'],
    ['nothing', 'forbidden'],
    ['number', 'forbidden'],
    ['late', 'forbidden'],
    ['refusal', 'rate_limited'],
    ['fault', 'internal']
  ] as const) {
    for (const { message } of inRoom) {
      const answer = await client.ask({ ...message, room: `r/${id}` })
      t.equal(answer.code, code, `${message.type} in r/${id}`)
      t.notMatch(JSON.stringify(answer), 'secret')
    }
  }
  t.equal(server.app.counters.failures, inRoom.length)
})

t.test('backends are not asked for', async (t) => {
  const family = defineRoom('r', { authorize: () => false })
  const server = await startServer(t, {}, { rooms: [family] })
  const posted = await request(`${server.url}/rooms/r/messages`, {
    method: 'POST',
    body: { content: 1, user_id: 'alice' }
  })
  t.equal(posted.status, 201)
  t.equal((await request(`${server.url}/rooms/r/history`)).body.messages.length, 1)
  t.equal((await request(`${server.url}/rooms/r/members`)).status, 200)
})

t.test('a reader without a name is nobody', async (t) => {
  const seen: unknown[] = []
  const family = defineRoom('r', { authorize: ({ userId }) => seen.push(userId) > 0 })
  const client = await (await startServer(t, {}, { rooms: [family] })).connect()
  await client.ask({ type: 'read_history', room: 'r' })
  await client.ask({ type: 'join_room', room: 'r', user_id: 'bob' })
  t.strictSame(seen, [null, 'bob'])
})

t.test('it only takes away: the token has to grant the same', async (t) => {
  let asked = 0
  const family = defineRoom('r/:id', { authorize: ({ params }) => ++asked > 0 && params.id !== 'closed' })
  const server = await startServer(t, { JWT_SECRET: SECRET }, { rooms: [family] })
  const token = await signToken({ sub: 'alice', exp: seconds(Date.now()) + 60, roomcast: { 'room:r/*': ['join'] } })
  const client = await server.connect('/ws', { headers: { authorization: `Bearer ${token}` } })
  t.match(await client.ask({ type: 'chat_message', room: 'r/open', content: 1 }), { code: 'forbidden' })
  t.equal(asked, 0)
  t.match(await client.ask({ type: 'join_room', room: 'r/open' }), { type: 'ack' })
  t.match(await client.ask({ type: 'join_room', room: 'r/closed' }), { code: 'forbidden' })
})

onEachStore('a session that comes back is in the rooms that its family still lets it into', async (t, start) => {
  const closed = new Set<string>()
  const family = defineRoom('r/:id', { authorize: async ({ params }) => !closed.has(params.id) })
  const server = await start({ PRESENCE_GRACE: 10 }, { rooms: [family] })
  const watcher = await server.connect('/ws?user_id=bob')
  const client = await server.connect('/ws?user_id=alice')
  for (const room of ['r/1', 'r/2', 'lobby']) {
    for (const one of [watcher, client]) await one.ask({ type: 'join_room', room })
  }
  const { session_id, resume_token } = client.messages[0] as Message
  client.terminate()
  await until(async () => (await request(`${server.url}/stats`)).body.connection_count === 1)
  for (const room of ['r/1', 'r/2', 'lobby']) await watcher.ask({ type: 'chat_message', room, content: room })
  closed.add('2')
  const back = await server.connect()
  const { rooms, removed } = await back.ask({ type: 'resume', session_id, resume_token })
  t.strictSame(Object.keys(rooms).sort(), ['lobby', 'r/1'])
  t.strictSame(removed, ['r/2'])
  await until(() => chatOf(back, 'lobby').length === 1 && chatOf(back, 'r/1').length === 1)
  t.strictSame(chatOf(back, 'r/2'), [])
  await until(async () => (await request(`${server.url}/rooms/r%2F2`)).body.online_count === 1)
})

t.test('a family that takes its time lets no message of a connection overtake another', async (t) => {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  let asked = 0
  const authorize = async () => {
    if (++asked === 1) await opened
    return true
  }
  const server = await startServer(t, {}, { rooms: [defineRoom('r', { authorize })] })
  const client = await server.connect('/ws?user_id=alice')
  const answers = [1, 2, 3].map((content) => client.ask({ type: 'chat_message', room: 'r', content }))
  await until(() => asked === 1)
  open()
  t.strictSame(
    (await Promise.all(answers)).map(({ offset }) => offset),
    [1, 2, 3]
  )
})

t.test('authorize has to be a function', async (t) => {
  t.throws(() => defineRoom('r', { authorize: true as never }), RoomDefinitionError)
})

onEachStore(
  'with a fresh token a connection leaves the rooms that their family no longer lets it into',
  async (t, start) => {
    const closed = new Set<string>()
    let fails = false
    const family = defineRoom('r/:id', {
      authorize: async ({ params }) => {
        if (fails) throw new Error('secret')
        return !closed.has(params.id)
      }
    })
    const server = await start({ JWT_SECRET: SECRET, LOG_LEVEL: 'silent' }, { rooms: [family] })
    const token = await signToken({ sub: 'alice', exp: seconds(Date.now()) + 60 })
    const client = await server.connect('/ws', { headers: { authorization: `Bearer ${token}` } })
    for (const room of ['r/1', 'r/2', 'lobby']) await client.ask({ type: 'join_room', room })
    closed.add('1')
    fails = true
    t.match(await client.ask({ type: 'authenticate', token }), { code: 'internal' })
    const online = async (room: string) =>
      (await request(`${server.url}/rooms/${encodeURIComponent(room)}/online`)).body.connections
    t.equal(await online('r/1'), 1, 'a renewal that is refused changes nothing')
    fails = false
    t.match(await client.ask({ type: 'authenticate', token }), { type: 'ack' })
    t.match(await client.next(({ action }) => action === 'removed'), { room: 'r/1', reason: 'rights' })
    t.strictSame([await online('r/1'), await online('r/2'), await online('lobby')], [0, 1, 1])
  }
)
