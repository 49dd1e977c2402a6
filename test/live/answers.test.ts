import t from 'tap'
import { startServer } from '../support/server.js'
import { allAnswered, onEachStore, range } from './each-store.js'

t.setTimeout(150_000)

/** One of each kind, right and wrong; all without an id. */
const commands = [
  { type: 'join_room', room: 'r' },
  { type: 'join_room', room: 'r', last: 5 },
  { type: 'chat_message', room: 'r', content: 1 },
  { type: 'signal', room: 'r', content: 2 },
  { type: 'read_history', room: 'r' },
  { type: 'list_members', room: 'r' },
  { type: 'leave_room', room: 'r' },
  { type: 'heartbeat' }
]
const mistakes = [
  [{ type: 'join_room' }, 'invalid_message'],
  [{ type: 'join_room', room: '..' }, 'invalid_id'],
  [{ type: 'dance' }, 'unknown_type'],
  [{ type: 'chat_message', room: 'r', content: 1, user_id: 'somebody else' }, 'user_mismatch']
] as const

onEachStore('every command with an id gets exactly one answer, which carries that id', async (t, start) => {
  const server = await start()
  const client = await server.connect('/ws?user_id=alice')
  const all = [...commands, ...mistakes.map(([mistake]) => mistake)]
  for (const [index, command] of all.entries()) client.send({ ...command, id: `i${index}` })
  await allAnswered(client)
  for (const [index, command] of all.entries()) {
    const answers = client.messages.filter(({ id }) => id === `i${index}`)
    t.equal(answers.length, 1, command.type)
    const [, code] = mistakes[index - commands.length] ?? []
    const success = command.type === 'heartbeat' ? 'heartbeat_ack' : 'ack'
    t.equal(answers[0]?.type, code === undefined ? success : 'error', command.type)
    t.equal(answers[0]?.code, code)
  }
})

onEachStore('without an id success is silent, and errors are still sent', async (t, start) => {
  const server = await start()
  const client = await server.connect('/ws?user_id=alice')
  for (const command of commands) client.send(command)
  for (const [mistake] of mistakes) client.send(mistake)
  await allAnswered(client)
  t.equal(client.messages.filter(({ type }) => type === 'ack').length, 1, 'that of the last command')
  t.strictSame(
    client.messages.filter(({ type }) => type === 'error').map(({ code }) => code),
    mistakes.map(([, code]) => code)
  )
  t.notOk(client.messages.some(({ type, id }) => type === 'error' && id !== undefined))
})

t.test('ids of 1 to 64 bytes are echoed as they are', async (t) => {
  const server = await startServer(t)
  const client = await server.connect()
  for (const id of ['a', '0', 'a'.repeat(64), `${'聊'.repeat(21)}a`, '__proto__', '"\\\n', '😀'.repeat(16), ' ']) {
    client.send({ type: 'leave_room', room: 'r', id })
    t.match(await client.next((m) => m.id === id), { type: 'ack', id })
  }
})

t.test('an id that is no string of 1 to 64 bytes is invalid_message without id', async (t) => {
  const server = await startServer(t)
  const client = await server.connect()
  const bad = ['', 'a'.repeat(65), '聊'.repeat(22), 7, {}, ['a'], true]
  for (const id of bad) {
    client.send({ type: 'leave_room', room: 'r', id })
    const error = await client.next(({ type }) => type === 'error')
    t.equal(error.code, 'invalid_message')
    t.notOk('id' in error, JSON.stringify(id))
  }
  await allAnswered(client)
  t.equal(client.messages.filter(({ type }) => type === 'ack').length, 1, 'none of them was carried out')
})

t.test('unknown extra fields are ignored', async (t) => {
  const server = await startServer(t)
  const client = await server.connect('/ws?user_id=alice')
  const extra = { colour: 'red', session_id: 'x', token: 1, limit_: {}, to: 'bob', constructor: 1, '': null }
  for (const command of commands) t.not((await client.ask({ ...command, ...extra })).type, 'error', command.type)
})

onEachStore('100 messages and a leave sent in one go are acknowledged in order', async (t, start) => {
  const server = await start()
  const client = await server.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  const hundred = range(1, 100)
  for (const n of hundred) client.send({ type: 'chat_message', room: 'r', content: n, id: `m${n}` })
  client.send({ type: 'leave_room', room: 'r', id: 'leave' })
  await client.next(({ id }) => id === 'leave')
  const acks = client.messages.filter(({ type, id }) => type === 'ack' && (id === 'leave' || id.startsWith('m')))
  t.strictSame(
    acks.map(({ id }) => id),
    [...hundred.map((n) => `m${n}`), 'leave']
  )
  t.strictSame(
    acks.slice(0, -1).map(({ offset }) => offset),
    hundred
  )
})

onEachStore('what one connection sends to one room is stored in the order it was sent', async (t, start) => {
  const server = await start({ RATE_LIMIT_PER_SECOND: 0 })
  const [one, two] = [await server.connect('/ws?user_id=one'), await server.connect('/ws?user_id=two')]
  for (const n of range(1, 400)) {
    one.send({ type: 'chat_message', room: 'r', content: n })
    two.send({ type: 'chat_message', room: 'r', content: n })
  }
  await Promise.all([allAnswered(one), allAnswered(two)])
  const { messages } = await one.ask({ type: 'read_history', room: 'r', limit: 1000 })
  for (const user of ['one', 'two']) {
    const contents = messages
      .filter((m: { user_id: string }) => m.user_id === user)
      .map((m: { content: number }) => m.content)
    t.strictSame(contents, range(1, 400))
  }
})

onEachStore('commands after a join or a leave see its effect without waiting for the answer', async (t, start) => {
  const server = await start()
  const client = await server.connect('/ws?user_id=alice')
  const room = 'r'
  client.send({ type: 'chat_message', room, content: 'before' })
  client.send({ type: 'join_room', room, id: 'join' })
  client.send({ type: 'chat_message', room, content: 'in' })
  client.send({ type: 'list_members', room, id: 'in' })
  client.send({ type: 'leave_room', room, id: 'leave' })
  client.send({ type: 'list_members', room, id: 'out' })
  const joined = await client.next(({ id }) => id === 'join')
  t.equal(joined.offset, 1, 'the message before it is stored')
  t.equal((await client.next(({ id }) => id === 'in')).online_count, 1)
  t.equal((await client.next(({ id }) => id === 'out')).online_count, 0)
})
