import t from 'tap'
import { request } from '../support/server.js'
import { allAnswered, onEachStore } from './each-store.js'

t.setTimeout(150_000)

onEachStore('the handshake fixes the user, who may be named again but not changed', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  t.equal((await alice.ask({ type: 'join_room', room: 'r', user_id: 'alice' })).type, 'ack')
  t.equal((await alice.ask({ type: 'chat_message', room: 'r', content: 1, user_id: 'alice' })).type, 'ack')
  const { id, message, ...refused } = await alice.ask({ type: 'chat_message', room: 'r', content: 2, user_id: 'bob' })
  t.strictSame(refused, { type: 'error', code: 'user_mismatch' })
  t.type(message, 'string')
  t.match(await alice.ask({ type: 'join_room', room: 'other', user_id: 'bob' }), { code: 'user_mismatch' })
  t.match((await request(`${server.url}/rooms/other`)).body, { online_count: 0 })
  t.match((await request(`${server.url}/rooms/r/history`)).body, { offset: 1 })
})

onEachStore('the first message that names a user fixes it', async (t, start) => {
  const server = await start()
  for (const naming of [
    { type: 'join_room', room: 'r' },
    { type: 'chat_message', room: 'r', content: 1 }
  ]) {
    const client = await server.connect()
    await client.ask({ type: 'leave_room', room: 'r' })
    await client.ask({ type: 'read_history', room: 'r' })
    await client.ask({ type: 'list_members', room: 'r' })
    await client.ask({ type: 'heartbeat' })
    t.equal((await client.ask({ ...naming, user_id: 'alice' })).type, 'ack', 'nothing before it needed a user')
    t.match(await client.ask({ ...naming, user_id: 'bob' }), { code: 'user_mismatch' })
    t.match(await client.ask({ ...naming, user_id: 'Alice' }), { code: 'user_mismatch' }, 'compared byte by byte')
    await client.ask({ type: 'chat_message', room: 'r', content: 'whose?' })
    const { messages } = await client.ask({ type: 'read_history', room: 'r', limit: 1 })
    t.match(messages, [{ user_id: 'alice', content: 'whose?' }])
  }
})

const needUser = [
  { type: 'join_room', room: 'r' },
  { type: 'chat_message', room: 'r', content: 1 },
  { type: 'signal', room: 'r', content: 1 }
]

for (const needing of needUser) {
  onEachStore(`a ${needing.type} that names nobody makes the connection an anonymous user`, async (t, start) => {
    const server = await start()
    const client = await server.connect()
    const userId = `anonymous:${client.messages[0]?.connection_id}`
    t.equal((await client.ask(needing)).type, 'ack')
    t.match(await client.ask({ type: 'join_room', room: 'r', user_id: 'alice' }), { code: 'user_mismatch' })
    await client.ask({ type: 'join_room', room: 'r' })
    t.match(await client.next((m) => m.action === 'user_joined'), { user_id: userId })
    t.match(await client.ask({ type: 'list_members', room: 'r' }), { members: [{ user_id: userId, connections: 1 }] })
    await client.ask({ type: 'chat_message', room: 'r', content: 2 })
    t.match(await client.next((m) => m.type === 'chat_message' && m.content === 2), { user_id: userId })
  })
}

onEachStore("anonymous: names belong to the server, even one's own", async (t, start) => {
  const server = await start()
  const client = await server.connect()
  const own = `anonymous:${client.messages[0]?.connection_id}`
  for (const user_id of ['anonymous:', 'anonymous:me', own]) {
    t.match(await client.ask({ type: 'join_room', room: 'r', user_id }), { code: 'invalid_id' }, user_id)
    t.match(await client.ask({ type: 'chat_message', room: 'r', content: 1, user_id }), { code: 'invalid_id' }, user_id)
  }
  await client.ask({ type: 'join_room', room: 'r' })
  t.match(await client.ask({ type: 'join_room', room: 'r', user_id: own }), { code: 'invalid_id' }, 'once it is that')
  const named = await server.connect()
  t.equal(
    (await named.ask({ type: 'join_room', room: 'r', user_id: 'anonymous' })).type,
    'ack',
    'only the prefix is taken'
  )
})

onEachStore('a message that is refused fixes no user', async (t, start) => {
  const server = await start()
  const client = await server.connect()
  t.match(await client.ask({ type: 'join_room', room: '..', user_id: 'mallory' }), { code: 'invalid_id' })
  t.match(await client.ask({ type: 'chat_message', room: 'r', user_id: 'mallory' }), { code: 'invalid_message' })
  t.equal((await client.ask({ type: 'join_room', room: 'r', user_id: 'alice' })).type, 'ack')
})

onEachStore("user names that are names of JavaScript's own are users like any other", async (t, start) => {
  const server = await start()
  for (const name of ['__proto__', 'constructor', 'toString', '{a}', '聊天 室/1', 'a:b', '*', ' ']) {
    const client = await server.connect(`/ws?user_id=${encodeURIComponent(name)}`)
    t.match(await client.ask({ type: 'join_room', room: 'r' }), { type: 'ack', online_count: 1 }, name)
    t.match((await client.ask({ type: 'list_members', room: 'r' })).members, [{ user_id: name, connections: 1 }])
    t.match(await client.next((m) => m.action === 'user_joined'), { user_id: name })
    await client.ask({ type: 'leave_room', room: 'r' })
    await allAnswered(client)
  }
})
