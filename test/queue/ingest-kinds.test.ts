import { randomUUID } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import { defineRoom } from '../../src/app.js'
import { bystander } from '../store/redis-harness.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer } from '../support/server.js'

t.test('a backend writes to rooms, families of rooms, inboxes and groups by the stream', async (t) => {
  const { url } = await startRedis(t)
  const prefix = randomUUID()
  const rooms = [defineRoom('chat/:id', { messages: { text: Type.Object({ text: Type.String() }) } })]
  const server = await startServer(t, { REDIS_URL: url, REDIS_PREFIX: prefix }, { rooms })
  const backend = await bystander(t, url)
  const write = (message: object) => backend.xadd(`${prefix}:ingest`, '*', 'message', JSON.stringify(message))

  await request(`${server.url}/groups/staff/members/alice`, { method: 'PUT' })
  const alice = await server.connect('/ws?user_id=alice')
  for (const room of ['lobby', 'chat/1']) await alice.ask({ type: 'join_room', room })
  await write({ type: 'chat_message', room: 'lobby', content: 1, user_id: 'bob' })
  await write({ type: 'text', room: 'chat/1', content: { text: 'hi' } })
  await write({ type: 'direct_message', to: 'alice', content: 3, from: 'bob', message_id: 'm3' })
  await write({ type: 'group_message', group: 'staff', content: 4, from: 'bob' })
  const heard = (type: string) => alice.next((message) => message.type === type)
  t.match(await heard('chat_message'), {
    room: 'lobby',
    content: 1,
    user_id: 'bob',
    offset: 1,
    message_id: /^\d+-\d+$/
  })
  t.match(await heard('text'), { room: 'chat/1', content: { text: 'hi' }, user_id: null, offset: 1 })
  t.match(await heard('direct_message'), { to: 'alice', from: 'bob', content: 3, message_id: 'm3' })
  t.match(await heard('group_message'), { group: 'staff', from: 'bob', content: 4, offset: 1 })
})
