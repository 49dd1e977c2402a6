import t from 'tap'
import { request } from '../support/server.js'
import { allAnswered, chatOf, fill, offsetsOf, onEachStore } from './each-store.js'

t.setTimeout(150_000)

onEachStore('joining a room one is in changes no count and tells nobody', async (t, start) => {
  const server = await start()
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  await bob.ask({ type: 'join_room', room: 'r' })
  t.equal((await alice.ask({ type: 'join_room', room: 'r' })).online_count, 2)
  for (const ask of [{}, { last: 3 }, {}]) {
    t.match(await alice.ask({ type: 'join_room', room: 'r', ...ask }), { type: 'ack', online_count: 2 })
  }
  await alice.ask({ type: 'signal', room: 'r', content: 'marker' })
  await bob.next((m) => m.type === 'signal')
  const joins = bob.messages.filter((m) => m.action === 'user_joined' && m.user_id === 'alice')
  t.equal(joins.length, 1)
  t.match((await request(`${server.url}/rooms/r`)).body, { online_count: 2, connections: 2 })
})

onEachStore('joining a room again with a position replays it again, and live goes on', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  const { epoch } = await alice.ask({ type: 'join_room', room: 'r' })
  await fill(server, 'r', 4)
  await alice.next((m) => m.type === 'chat_message' && m.offset === 4)
  const since = { epoch, offset: 2, message_id: chatOf(alice, 'r')[1]?.message_id }
  t.match(await alice.ask({ type: 'join_room', room: 'r', since }), { recovered: 'full', offset: 4 })
  t.match(await alice.ask({ type: 'join_room', room: 'r', last: 1 }), { recovered: 'full', offset: 4 })
  t.match(await alice.ask({ type: 'join_room', room: 'r', since: { epoch: 'x', offset: 1 } }), { recovered: 'reset' })
  await fill(server, 'r', 1)
  await alice.next((m) => m.type === 'chat_message' && m.offset === 5)
  t.strictSame(offsetsOf(chatOf(alice, 'r')), [1, 2, 3, 4, 3, 4, 4, 1, 2, 3, 4, 5])
})

onEachStore('one leave takes a connection out, however often it joined', async (t, start) => {
  const server = await start()
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  await bob.ask({ type: 'join_room', room: 'r' })
  for (const _ of [1, 2, 3]) await alice.ask({ type: 'join_room', room: 'r' })
  await alice.ask({ type: 'leave_room', room: 'r' })
  await bob.next((m) => m.action === 'user_left' && m.user_id === 'alice' && m.online_count === 1)
  await fill(server, 'r', 1)
  await bob.next((m) => m.type === 'chat_message')
  await allAnswered(alice)
  t.strictSame(chatOf(alice, 'r'), [])
})

onEachStore('leaving a room that one is not in is acknowledged and tells nobody', async (t, start) => {
  const server = await start()
  const [alice, bob] = [await server.connect(), await server.connect('/ws?user_id=bob')]
  await bob.ask({ type: 'join_room', room: 'r' })
  for (const room of ['r', 'never used', '__proto__']) {
    const { id, ...ack } = await alice.ask({ type: 'leave_room', room })
    t.strictSame(ack, { type: 'ack', room })
  }
  await bob.ask({ type: 'join_room', room: 'r' })
  t.notOk(bob.messages.some(({ action }) => action === 'user_left'))
  t.match((await request(`${server.url}/rooms/r/online`)).body, { online_count: 1, connections: 1 })
})

onEachStore('a connection may be in MAX_ROOMS_PER_CONNECTION rooms and no more', async (t, start) => {
  const server = await start({ MAX_ROOMS_PER_CONNECTION: 3 })
  const alice = await server.connect('/ws?user_id=alice')
  const rooms = ['a', 'b', 'c', 'd', 'e']
  for (const room of rooms) alice.send({ type: 'join_room', room, id: room })
  await allAnswered(alice)
  const answers = rooms.map((room) => alice.messages.find(({ id }) => id === room)?.code)
  t.strictSame(answers, [undefined, undefined, undefined, 'too_many_rooms', 'too_many_rooms'])
  t.equal((await alice.ask({ type: 'join_room', room: 'a', last: 1 })).type, 'ack', 'one that it is in already')
  t.match((await request(`${server.url}/rooms/d/online`)).body, { online_count: 0, connections: 0 })
  await alice.ask({ type: 'leave_room', room: 'a' })
  t.equal((await alice.ask({ type: 'join_room', room: 'd' })).type, 'ack', 'there is room again')
  const other = await server.connect('/ws?user_id=alice')
  t.equal((await other.ask({ type: 'join_room', room: 'e' })).type, 'ack', 'it is counted by connection')
})

onEachStore('the answer to a join has exactly the documented fields', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  const ack = await alice.ask({ type: 'join_room', room: 'r' })
  t.strictSame(Object.keys(ack).sort(), ['epoch', 'id', 'offset', 'online_count', 'recovered', 'room', 'type'])
  t.type(ack.epoch, 'string')
  t.ok(Buffer.byteLength(ack.epoch) >= 1 && Buffer.byteLength(ack.epoch) <= 64)
  t.equal((await alice.ask({ type: 'join_room', room: 'other' })).epoch === ack.epoch, false, 'each room has its own')
})
