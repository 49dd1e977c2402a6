import t from 'tap'
import { startServer } from './support/server.js'

t.test('a joined member hears what another posts, the ack and the message agree', async (t) => {
  const server = await startServer(t)
  const alice = await server.connect('/ws?user_id=alice')
  const bob = await server.connect('/ws?user_id=bob')
  const joined = await alice.ask({ type: 'join_room', room: 'lobby' })
  t.match(joined, { type: 'ack', room: 'lobby', offset: 0, online_count: 1, recovered: 'none' })
  await alice.next((m) => m.action === 'user_joined' && m.user_id === 'alice')
  const ack = await bob.ask({ type: 'chat_message', room: 'lobby', content: { text: 'hi' } })
  const message = await alice.next((m) => m.type === 'chat_message')
  t.match(message, {
    room: 'lobby',
    content: { text: 'hi' },
    user_id: 'bob',
    message_id: ack.message_id,
    epoch: ack.epoch,
    offset: 1
  })
})
