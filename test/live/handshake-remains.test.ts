import t from 'tap'
import { isCollected } from '../support/forced-gc.js'
import { startServer } from '../support/server.js'

t.test('nothing of the request that it began with is kept by a connection', async (t) => {
  const remains = new Map<string, WeakRef<object>>()
  const server = await startServer(t)
  server.app.server.on('upgrade', (request, _socket, head) => {
    remains.set('request', new WeakRef(request))
    remains.set('head', new WeakRef(head))
  })
  const client = await server.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  t.equal(remains.size, 2)
  for (const [name, remain] of remains) t.ok(await isCollected(remain), name)
  t.match(await client.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
})
