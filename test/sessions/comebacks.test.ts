import { chatOf, offsetsOf, onEachStore } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { request, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

function credentialsOf(client: LiveClient): { session_id: string; resume_token: string } {
  const { session_id, resume_token } = client.messages[0] as Message
  return { session_id, resume_token }
}

const publish = (server: TestServer, content: unknown) =>
  request(`${server.url}/rooms/r/messages`, { method: 'POST', body: { content } })

const online = async (server: TestServer) => (await request(`${server.url}/rooms/r/online`)).body

const settings = { PRESENCE_GRACE: 60 }

onEachStore('joining a room again confirms nothing that no pong has confirmed', async (t, start) => {
  const server = await start(settings)
  const before = await server.connect('/ws?user_id=alice')
  await before.ask({ type: 'join_room', room: 'r' })
  for (const content of [1, 2]) await publish(server, content)
  await until(() => chatOf(before, 'r').length === 2)
  t.match(await before.ask({ type: 'join_room', room: 'r' }), { offset: 2, recovered: 'none' })
  before.terminate()
  const after = await server.connect('/ws')
  await after.ask({ type: 'resume', ...credentialsOf(before) })
  await until(() => chatOf(after, 'r').length === 2)
  t.strictSame(offsetsOf(chatOf(after, 'r')), [1, 2])
})

onEachStore('a client that claims less than it did is sent as much, also by the next resume', async (t, start) => {
  const server = await start(settings)
  const first = await server.connect('/ws?user_id=alice')
  for (const content of [1, 2, 3]) await publish(server, content)
  const { epoch } = await first.ask({ type: 'join_room', room: 'r' })
  const second = await server.connect('/ws')
  const positions = { r: { epoch, offset: 1 } }
  const { session_id, resume_token } = await second.ask({ type: 'resume', ...credentialsOf(first), positions })
  await until(() => chatOf(second, 'r').length === 2)
  const third = await server.connect('/ws')
  await third.ask({ type: 'resume', session_id, resume_token })
  await until(() => chatOf(third, 'r').length === 2)
  t.strictSame(offsetsOf(chatOf(third, 'r')), [2, 3])
})

onEachStore('a token in the hands of another user changes nothing of the session', async (t, start) => {
  const server = await start(settings)
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'r' })
  const bob = await server.connect('/ws?user_id=bob')
  for (let n = 0; n < 3; n++) {
    t.match(await bob.ask({ type: 'resume', ...credentialsOf(alice) }), { code: 'session_not_found' })
  }
  t.match(await alice.ask({ type: 'join_room', room: 's' }), { type: 'ack' })
  t.match(await alice.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' }, 'she keeps her connection')
  alice.terminate()
  const again = await server.connect('/ws')
  t.match(await again.ask({ type: 'resume', ...credentialsOf(alice) }), { rooms: { r: {}, s: {} } })
})

onEachStore('who is back within the grace is counted once, and leaves at once', async (t, start) => {
  const server = await start(settings)
  const watcher = await server.connect('/ws?user_id=watcher')
  await watcher.ask({ type: 'join_room', room: 'r' })
  const before = await server.connect('/ws?user_id=alice')
  await before.ask({ type: 'join_room', room: 'r' })
  before.terminate()
  await until(async () => (await request(`${server.url}/users/alice`)).body.connections === 0)
  t.match(await online(server), { online_count: 2, connections: 2 })
  const after = await server.connect('/ws')
  t.match(await after.ask({ type: 'resume', ...credentialsOf(before) }), { rooms: { r: { online_count: 2 } } })
  await until(
    () => online(server),
    ({ connections }) => connections === 2
  )
  await after.ask({ type: 'leave_room', room: 'r' })
  await watcher.next(({ action, user_id }) => action === 'user_left' && user_id === 'alice')
  t.match(await online(server), { online_count: 1, connections: 1 })
})

onEachStore('who is disconnected by the backend while away is not counted any more', async (t, start) => {
  const server = await start(settings)
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'r' })
  alice.terminate()
  await until(async () => (await request(`${server.url}/users/alice`)).body.connections === 0)
  t.match(await online(server), { online_count: 1 }, 'the grace lasts')
  await request(`${server.url}/users/alice/connections`, { method: 'DELETE' })
  await until(
    () => online(server),
    ({ online_count }) => online_count === 0
  )
})
