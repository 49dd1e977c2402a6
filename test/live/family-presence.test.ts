import t, { type Test } from 'tap'
import { defineRoom } from '../../src/app.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { onEachStore } from './each-store.js'

t.setTimeout(150_000)

const rooms = [
  defineRoom('event/:id', { presence: 'counts' }),
  defineRoom('map/:id', { presence: 'off' }),
  defineRoom('chat/:id', { presence: 'list' })
]

/** What a member heard of who is there, in the order it came. */
function presenceOf(client: LiveClient, room: string): Message[] {
  return client.messages.filter((message) => message.type === 'system' && message.room === room)
}

/** Everything that the server sent into the room before this is heard when it resolves. */
async function heardEverything(client: LiveClient, other: LiveClient, room: string): Promise<void> {
  await other.ask({ type: 'signal', room, content: 'heard' })
  await client.next((message) => message.type === 'signal' && message.room === room)
}

async function joined(server: TestServer, room: string, ...names: string[]): Promise<LiveClient[]> {
  const clients = await Promise.all(names.map((name) => server.connect(`/ws?user_id=${name}`)))
  for (const client of clients) await client.ask({ type: 'join_room', room })
  return clients
}

onEachStore('members of a room with counts hear how many are there, never who', async (t, start) => {
  const server = await start({}, { rooms })
  const [alice, bob, carol] = (await joined(server, 'event/1', 'alice', 'bob', 'carol')) as [
    LiveClient,
    LiveClient,
    LiveClient
  ]
  await until(() => presenceOf(alice, 'event/1').at(-1)?.online_count === 3)
  await carol.ask({ type: 'leave_room', room: 'event/1' })
  await until(() => presenceOf(alice, 'event/1').at(-1)?.online_count === 2)
  t.ok(presenceOf(alice, 'event/1').every(({ action, user_id }) => action === 'online_count' && user_id === undefined))
  const sum = (field: string) => presenceOf(alice, 'event/1').reduce((total, message) => total + message[field], 0)
  t.strictSame([sum('joined'), sum('left')], [3, 1])

  const answer = await bob.ask({ type: 'list_members', room: 'event/1' })
  t.match(answer, { type: 'error', code: 'forbidden' })
  const { body } = await request(`${server.url}/rooms/event%2F1/members`)
  t.match(body, { online_count: 2, members: [{ connections: 1 }, { connections: 1 }] })
  t.strictSame(body.members.map((member: Message) => member.user_id).sort(), ['alice', 'bob'])
})

t.test('a room with counts is told at most one of them a second', async (t) => {
  const clock = new ManualClock()
  const server = await startServer(t, {}, { rooms, clock })
  const [alice] = (await joined(server, 'event/1', 'alice')) as [LiveClient]
  await until(() => presenceOf(alice, 'event/1').length === 1)
  const others = await joined(server, 'event/1', 'bob', 'carol', 'dave')
  await heardEverything(alice, others[0] as LiveClient, 'event/1')
  t.equal(presenceOf(alice, 'event/1').length, 1)
  clock.advance(999)
  await heardEverything(alice, others[0] as LiveClient, 'event/1')
  t.equal(presenceOf(alice, 'event/1').length, 1)
  clock.advance(1)
  await until(() => presenceOf(alice, 'event/1').length === 2)
  t.match(presenceOf(alice, 'event/1'), [
    { action: 'online_count', online_count: 1, joined: 1, left: 0 },
    { action: 'online_count', online_count: 4, joined: 3, left: 0 }
  ])
})

onEachStore('a family with a list hears names, as rooms of no family do', async (t, start) => {
  const server = await start({}, { rooms })
  for (const room of ['chat/1', 'lobby']) {
    const [alice] = (await joined(server, room, 'alice', 'bob')) as [LiveClient]
    const event = await alice.next((message) => message.room === room && message.user_id === 'bob')
    t.match(event, { action: 'user_joined', online_count: 2 })
    t.match(await alice.ask({ type: 'list_members', room }), { type: 'ack', online_count: 2 })
  }
})

/** What is written of rooms from now on. */
function watchWrites(t: Test, server: TestServer): string[] {
  const { presence } = server.app.store
  const written: string[] = []
  for (const name of ['join', 'leave'] as const) {
    const write = presence[name].bind(presence)
    presence[name] = (memberships) => {
      written.push(...memberships.map(({ room }) => `${name} ${room}`))
      return write(memberships)
    }
    t.teardown(() => {
      presence[name] = write
    })
  }
  return written
}

onEachStore('of a room whose presence is off nothing is written, told or listed', async (t, start) => {
  const server = await start({}, { rooms })
  const written = watchWrites(t, server)
  const [alice, bob] = (await joined(server, 'map/1', 'alice', 'bob')) as [LiveClient, LiveClient]
  await bob.ask({ type: 'join_room', room: 'chat/1' })
  await bob.ask({ type: 'leave_room', room: 'map/1' })
  t.match(await bob.ask({ type: 'join_room', room: 'map/1' }), { type: 'ack', online_count: 0 })
  await heardEverything(alice, bob, 'map/1')
  t.strictSame(presenceOf(alice, 'map/1'), [])
  t.match(await alice.ask({ type: 'list_members', room: 'map/1' }), { type: 'ack', online_count: 0, members: [] })
  for (const path of ['', '/online', '/members']) {
    t.match((await request(`${server.url}/rooms/map%2F1${path}`)).body, { online_count: 0 }, path)
  }
  t.match((await request(`${server.url}/rooms`)).body, { rooms: [{ room: 'chat/1', online_count: 1 }] })

  bob.socket.close()
  await until(async () => (await request(`${server.url}/rooms/chat%2F1`)).body.online_count === 0)
  t.strictSame(written, ['join chat/1', 'leave chat/1'])
  t.match(await alice.ask({ type: 'chat_message', room: 'map/1', content: 1 }), { type: 'ack', offset: 1 })
  t.match(await alice.next(({ type }) => type === 'chat_message'), { content: 1 }, 'messages come all the same')
})

onEachStore('a session comes back to rooms with and without presence at once', async (t, start) => {
  const server = await start({ PRESENCE_GRACE: 10 }, { rooms })
  const [alice] = (await joined(server, 'map/1', 'alice')) as [LiveClient]
  await alice.ask({ type: 'join_room', room: 'chat/1' })
  await alice.ask({ type: 'join_room', room: 'map/2' })
  const { session_id, resume_token } = alice.messages[0] ?? {}
  alice.terminate()
  const back = await server.connect()
  const answer = await back.ask({ type: 'resume', session_id, resume_token })
  t.match(answer, {
    type: 'ack',
    rooms: { 'map/1': { online_count: 0 }, 'chat/1': { online_count: 1 }, 'map/2': { online_count: 0 } }
  })
  await back.ask({ type: 'chat_message', room: 'map/2', content: 1 })
  t.match(await back.next(({ type }) => type === 'chat_message'), { room: 'map/2' })
})
