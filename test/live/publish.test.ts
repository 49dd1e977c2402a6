import t from 'tap'
import type { Message } from '../support/live-client.js'
import { request } from '../support/server.js'
import { allAnswered, chatOf, fill, isoWithMilliseconds, onEachStore, uuid7 } from './each-store.js'

t.setTimeout(150_000)

onEachStore('a message needs no join, and its sender hears it only as a member', async (t, start) => {
  const server = await start()
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  await bob.ask({ type: 'join_room', room: 'r' })
  t.equal((await alice.ask({ type: 'chat_message', room: 'r', content: 'from outside' })).type, 'ack')
  t.match(await bob.next((m) => m.type === 'chat_message'), { content: 'from outside', user_id: 'alice' })
  await bob.ask({ type: 'chat_message', room: 'r', content: 'from inside' })
  t.match(await bob.next((m) => m.type === 'chat_message'), { content: 'from inside', user_id: 'bob' })
  await allAnswered(alice)
  t.strictSame(chatOf(alice, 'r'), [])
  t.match((await request(`${server.url}/rooms/r/online`)).body, { online_count: 1 }, 'posting is not joining')
})

onEachStore('answer and message have exactly the documented fields and agree', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  const { epoch } = await alice.ask({ type: 'join_room', room: 'r' })
  const before = Date.now()
  const { id, ...ack } = await alice.ask({ type: 'chat_message', room: 'r', content: { a: [1] } })
  const message = await alice.next((m) => m.type === 'chat_message')
  t.match(ack.message_id, uuid7)
  t.match(ack.timestamp, isoWithMilliseconds)
  t.ok(Date.parse(ack.timestamp) >= before - 1 && Date.parse(ack.timestamp) <= Date.now() + 1)
  t.ok(['memory', 'redis'].includes(ack.durable))
  const { message_id, timestamp } = ack
  const place = { room: 'r', message_id, epoch, offset: 1, timestamp }
  t.strictSame(ack, { type: 'ack', ...place, duplicate: false, durable: ack.durable })
  t.strictSame(message, { type: 'chat_message', ...place, content: { a: [1] }, user_id: 'alice' })
})

onEachStore('any JSON is a content', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'r' })
  for (const content of [null, false, 0, '', [], {}, 'text', [1, [2]], { content: { content: 1 } }, -1.5e-7]) {
    t.equal((await alice.ask({ type: 'chat_message', room: 'r', content })).type, 'ack', JSON.stringify(content))
    t.strictSame((await alice.next((m) => m.type === 'chat_message')).content, content)
  }
})

onEachStore('a message_id is stored once, whoever sends it and however often', async (t, start) => {
  const server = await start()
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  const listener = await server.connect('/ws?user_id=listener')
  await listener.ask({ type: 'join_room', room: 'r' })
  const command = { type: 'chat_message', room: 'r', message_id: 'order 聊/1' }
  const { id, ...first } = await alice.ask({ ...command, content: 'first' })
  t.match(first, { message_id: 'order 聊/1', offset: 1, duplicate: false })
  const second = await bob.ask({ ...command, content: 'second' })
  t.match(second, { ...first, duplicate: true })
  const { body, status } = await request(`${server.url}/rooms/r/messages`, {
    method: 'POST',
    body: { content: 'third', message_id: 'order 聊/1' }
  })
  t.equal(status, 200)
  const { type, ...fields } = first
  t.strictSame(body, { ...fields, duplicate: true })
  const elsewhere = await alice.ask({ ...command, room: 'another', content: 'x' })
  t.match(elsewhere, { offset: 1, duplicate: false }, 'each room has its own')
  t.match(await alice.ask({ type: 'chat_message', room: 'r', content: 'end' }), { offset: 2 })
  await listener.next((m) => m.content === 'end')
  t.strictSame(
    chatOf(listener, 'r').map(({ content }) => content),
    ['first', 'end']
  )
})

onEachStore('of many concurrent publishes under one message_id exactly one is stored', async (t, start) => {
  const server = await start()
  const clients = await Promise.all(Array.from({ length: 8 }, (_, n) => server.connect(`/ws?user_id=u${n}`)))
  const listener = await server.connect('/ws?user_id=listener')
  await listener.ask({ type: 'join_room', room: 'r' })
  const asks = clients.flatMap((client, n) =>
    Array.from({ length: 10 }, () => client.ask({ type: 'chat_message', room: 'r', content: n, message_id: 'same' }))
  )
  const viaRest = Array.from({ length: 10 }, async () => {
    const options = { method: 'POST', body: { content: 'rest', message_id: 'same' } }
    return (await request(`${server.url}/rooms/r/messages`, options)).body
  })
  const answers: Message[] = await Promise.all([...asks, ...viaRest])
  t.equal(answers.filter(({ duplicate }) => duplicate === false).length, 1)
  t.equal(answers.filter(({ duplicate }) => duplicate === true).length, 89)
  t.equal(new Set(answers.map(({ epoch, offset, timestamp }) => `${epoch} ${offset} ${timestamp}`)).size, 1)
  await fill(server, 'r', 1)
  await listener.next((m) => m.type === 'chat_message' && m.offset === 2)
  t.equal(chatOf(listener, 'r').length, 2)
})

onEachStore('message ids of the server are all different and grow', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  const ids: string[] = []
  for (let n = 0; n < 50; n++) ids.push((await alice.ask({ type: 'chat_message', room: 'r', content: n })).message_id)
  t.equal(new Set(ids).size, 50)
  t.ok(ids.every((id) => uuid7.test(id)))
  t.strictSame([...ids].sort(), ids)
})

onEachStore('a message that was refused is not stored under its message_id', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  const command = { type: 'chat_message', room: 'r', content: 1, message_id: 'm' }
  t.match(await alice.ask({ ...command, user_id: 'bob' }), { type: 'error', code: 'user_mismatch' })
  t.match(await alice.ask(command), { type: 'ack', offset: 1, duplicate: false })
})

onEachStore('old messages leave by number, their message_ids stay known', async (t, start) => {
  const server = await start({ HISTORY_SIZE: 2 })
  const alice = await server.connect('/ws?user_id=alice')
  const first = await alice.ask({ type: 'chat_message', room: 'r', content: 1, message_id: 'm' })
  await fill(server, 'r', 5)
  const again = await alice.ask({ type: 'chat_message', room: 'r', content: 1, message_id: 'm' })
  t.match(again, { duplicate: true, offset: 1, timestamp: first.timestamp })
  t.equal((await alice.ask({ type: 'read_history', room: 'r' })).messages.length, 2)
})

onEachStore('with HISTORY_SIZE=0 messages are delivered live and nothing is kept', async (t, start) => {
  const server = await start({ HISTORY_SIZE: 0 })
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'r' })
  t.match(await alice.ask({ type: 'chat_message', room: 'r', content: 1 }), { type: 'ack', offset: 1 })
  t.match(await alice.next((m) => m.type === 'chat_message'), { offset: 1 })
  t.match(await alice.ask({ type: 'read_history', room: 'r' }), { offset: 1, messages: [], has_more: false })
})
