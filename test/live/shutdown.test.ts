import t from 'tap'
import { startServer } from '../support/server.js'
import { until } from '../support/until.js'
import { allAnswered, onEachStore, range } from './each-store.js'
import { openRaw } from './raw-socket.js'

t.setTimeout(150_000)

onEachStore('closing the server closes its clients with 1012', async (t, start) => {
  const server = await start()
  const clients = await Promise.all(['/ws', '/', '/ws?user_id=alice'].map((path) => server.connect(path)))
  const lines = await server.connect('/ws', { protocols: ['roomcast.v1.ndjson'] })
  await clients[2]?.ask({ type: 'join_room', room: 'r' })
  const closed = server.app.close()
  for (const client of [...clients, lines]) t.equal(await client.closed(), 1012)
  await closed
})

onEachStore('what was asked before the end is answered before it', async (t, start) => {
  const server = await start()
  const client = await server.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  for (const n of range(1, 100)) client.send({ type: 'chat_message', room: 'r', content: n, id: `m${n}` })
  await client.next(({ id }) => id === 'm1')
  const closed = server.app.close()
  t.equal(await client.closed(), 1012)
  await closed
  const acks = client.messages
    .filter(({ type, id }) => type === 'ack' && id.startsWith('m'))
    .map(({ offset }) => offset)
  t.strictSame(acks, range(1, acks.length), 'no answer is missing between two')
})

t.test('clients that do not answer the close frame do not hold the end up', async (t) => {
  const server = await startServer(t)
  const silent = await openRaw(t, server.url, { path: '/ws?user_id=silent' })
  silent.socket.removeAllListeners('end')
  const paused = await server.connect('/ws?user_id=paused')
  paused.socket.pause()
  await allAnswered(await server.connect())
  const begun = Date.now()
  await server.app.close()
  t.ok(Date.now() - begun < 8000, `${Date.now() - begun} ms`)
  await until(() => silent.closeCode === 1012)
})
