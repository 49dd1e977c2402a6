import t from 'tap'
import { request } from '../support/server.js'
import { chatOf, onEachStore } from './each-store.js'

t.setTimeout(150_000)

/** Each is a room of its own: names are compared byte by byte. */
const names = [
  '{a}b',
  '{a}c',
  '{',
  '}{',
  '{}',
  '../x',
  '..%2Fx',
  '...',
  './',
  '/',
  '聊天 室/1',
  '聊天室/1',
  '__proto__',
  'constructor',
  'toString',
  'prototype',
  '*',
  '?',
  '[a]',
  'a:b',
  'a',
  'A',
  ' ',
  '  ',
  ' a',
  'a ',
  'é',
  'e\u0301',
  '😀',
  '\u200b',
  '\ufeff',
  '%',
  '%00',
  '\\',
  '"',
  "'",
  'room:a',
  'a,b',
  '0',
  '00',
  '-1',
  'null',
  'a'.repeat(128),
  `${'聊'.repeat(42)}ab`
]

onEachStore('every legal name is a room of its own, live, over REST and in the lists', async (t, start) => {
  const server = await start({ RATE_LIMIT_PER_SECOND: 0 })
  const client = await server.connect('/ws?user_id=alice')
  for (const room of names) {
    t.match(await client.ask({ type: 'join_room', room }), { type: 'ack', room, offset: 0, online_count: 1 }, room)
  }
  for (const room of names) {
    t.match(await client.ask({ type: 'chat_message', room, content: room }), { room, offset: 1 }, room)
  }
  for (const room of names) {
    t.match(await client.next((m) => m.type === 'chat_message' && m.room === room), { content: room, offset: 1 }, room)
    t.equal(chatOf(client, room).length, 1)
    const url = `${server.url}/rooms/${encodeURIComponent(room)}`
    t.match((await request(`${url}/history`)).body, { room, messages: [{ room, content: room, offset: 1 }] }, room)
    t.match((await request(url)).body, { room, online_count: 1, connections: 1, offset: 1 }, room)
    t.match((await request(`${url}/members`)).body, { room, members: [{ user_id: 'alice', connections: 1 }] }, room)
  }
  const { rooms } = (await request(`${server.url}/rooms?limit=1000`)).body
  t.strictSame(new Set(rooms.map(({ room }: { room: string }) => room)), new Set(names))
  t.equal(rooms.length, names.length)
  for (const room of names) t.match(await client.ask({ type: 'leave_room', room }), { type: 'ack', room })
  t.match((await request(`${server.url}/rooms`)).body, { rooms: [] })
})

onEachStore('every legal name is a message_id of its own', async (t, start) => {
  const server = await start({ RATE_LIMIT_PER_SECOND: 0 })
  const client = await server.connect('/ws?user_id=alice')
  for (const [index, message_id] of names.entries()) {
    const ack = await client.ask({ type: 'chat_message', room: 'r', content: 1, message_id })
    t.match(ack, { message_id, offset: index + 1, duplicate: false }, message_id)
  }
  for (const [index, message_id] of names.entries()) {
    const ack = await client.ask({ type: 'chat_message', room: 'r', content: 2, message_id })
    t.match(ack, { message_id, offset: index + 1, duplicate: true }, message_id)
  }
})
