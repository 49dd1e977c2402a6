import { randomUUID } from 'node:crypto'
import t from 'tap'
import { chatOf, offsetsOf, onEachStore } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'

interface Node {
  readonly url: string
}

const kick = ({ url }: Node, room: string, user: string) =>
  request(`${url}/rooms/${room}/members/${user}`, { method: 'DELETE' })
const disconnect = ({ url }: Node, user: string) => request(`${url}/users/${user}/connections`, { method: 'DELETE' })
const online = async ({ url }: Node, room: string) => (await request(`${url}/rooms/${room}/online`)).body
const publish = ({ url }: Node, room: string, content: unknown) =>
  request(`${url}/rooms/${room}/messages`, { method: 'POST', body: { content } })

function credentialsOf(client: LiveClient): { session_id: string; resume_token: string } {
  const { session_id, resume_token } = client.messages[0] as Message
  return { session_id, resume_token }
}

const settings = { PRESENCE_GRACE: 60 }

onEachStore(
  'a kicked user is out of the room on every connection, is told so, and may join again',
  async (t, start) => {
    const server = await start(settings)
    const [phone, laptop] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=alice')]
    const bob = await server.connect('/ws?user_id=bob')
    for (const client of [phone, laptop, bob]) {
      await client.ask({ type: 'join_room', room: 'r' })
      await client.ask({ type: 'join_room', room: 's' })
    }
    t.equal((await kick(server, 'r', 'alice')).status, 204)
    for (const client of [phone, laptop]) {
      t.match(await client.next(({ action }) => action === 'removed'), { room: 'r', reason: 'kicked' })
    }
    await bob.next(({ action, user_id, room }) => action === 'user_left' && user_id === 'alice' && room === 'r')
    t.match(await online(server, 'r'), { online_count: 1, connections: 1 })
    t.match(await online(server, 's'), { online_count: 2, connections: 3 })
    await publish(server, 'r', 'not for alice')
    await phone.ask({ type: 'join_room', room: 'r' })
    await publish(server, 'r', 'for alice')
    await until(() => chatOf(phone, 'r').length > 0)
    t.strictSame(offsetsOf(chatOf(phone, 'r')), [2])
    t.equal((await kick(server, 'nobody was here', 'nobody')).status, 204)
    const guest = await server.connect('/ws')
    await guest.ask({ type: 'join_room', room: 'r' })
    const { members } = (await request(`${server.url}/rooms/r/members`)).body
    const anonymous = members.find((member: Message) => member.user_id.startsWith('anonymous:'))
    await kick(server, 'r', anonymous.user_id)
    await guest.next(({ action }) => action === 'removed')
  }
)

onEachStore('a session that waits for its client loses the room by a kick, and nothing else', async (t, start) => {
  const server = await start(settings)
  const before = await server.connect('/ws?user_id=alice')
  for (const room of ['r', 's']) await before.ask({ type: 'join_room', room })
  before.terminate()
  await until(async () => (await request(`${server.url}/users/alice`)).body.connections === 0)
  t.match(await online(server, 'r'), { online_count: 1 }, 'the grace lasts')
  await kick(server, 'r', 'alice')
  t.match(await online(server, 'r'), { online_count: 0 })
  const after = await server.connect('/ws')
  const resumed = await after.ask({ type: 'resume', ...credentialsOf(before) })
  t.match(resumed, { user_id: 'alice', rooms: { s: { recovered: 'full' } }, removed: ['r'] })
  t.notOk('r' in resumed.rooms)
  t.match(await online(server, 'r'), { online_count: 0 })

  await after.ask({ type: 'join_room', room: 'r' })
  after.terminate()
  const again = await server.connect('/ws')
  const { session_id } = credentialsOf(before)
  const back = await again.ask({ type: 'resume', session_id, resume_token: resumed.resume_token })
  t.match(back, { rooms: { r: {}, s: {} }, removed: [] }, 'who joined again after the kick is in')
})

onEachStore('a disconnected user is closed with 4501 everywhere, and its sessions are over', async (t, start) => {
  const server = await start(settings)
  const [phone, laptop] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=alice')]
  const bob = await server.connect('/ws?user_id=bob')
  const away = await server.connect('/ws?user_id=alice')
  for (const client of [phone, away, bob]) await client.ask({ type: 'join_room', room: 'r' })
  away.terminate()
  await until(async () => (await request(`${server.url}/users/alice`)).body.connections === 2)
  t.match(await disconnect(server, 'alice'), { status: 200, body: { closed: 2 } })
  t.equal(await phone.closed(), 4501)
  t.equal(await laptop.closed(), 4501)
  for (const client of [phone, away]) {
    const next = await server.connect('/ws')
    t.match(await next.ask({ type: 'resume', ...credentialsOf(client) }), { code: 'session_not_found' })
  }
  t.match(await disconnect(server, 'alice'), { status: 200, body: { closed: 0 } })
  const fresh = await server.connect('/ws?user_id=alice')
  await fresh.ask({ type: 'join_room', room: 'r' })
  fresh.terminate()
  const back = await server.connect('/ws')
  t.match(await back.ask({ type: 'resume', ...credentialsOf(fresh) }), { rooms: { r: {} } }, 'a later session is good')
  t.match(await bob.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
})

onEachStore('a purged history is gone, its positions go on, and older ones are told the gap', async (t, start) => {
  const server = await start(settings)
  const alice = await server.connect('/ws?user_id=alice')
  const { epoch } = await alice.ask({ type: 'join_room', room: 'r' })
  for (let n = 1; n <= 5; n++) await publish(server, 'r', n)
  t.equal((await request(`${server.url}/rooms/r/history`, { method: 'DELETE' })).status, 204)
  const { body } = await request(`${server.url}/rooms/r/history`)
  t.match(body, { room: 'r', epoch, offset: 5, messages: [], has_more: false })
  const late = await server.connect('/ws?user_id=late')
  const joined = await late.ask({ type: 'join_room', room: 'r', since: { epoch, offset: 2 } })
  t.match(joined, { recovered: 'gap', gap: { from: 3, to: 5 }, offset: 5 })
  t.match(await publish(server, 'r', 6), { body: { offset: 6, epoch } })
  await until(() => chatOf(late, 'r').length === 1)
  await until(() => chatOf(alice, 'r').length === 6)
  t.equal((await request(`${server.url}/rooms/unknown/history`, { method: 'DELETE' })).status, 204)
  t.match((await request(`${server.url}/rooms/unknown`)).body, { epoch: null, offset: 0 })
})

t.test('what the backend does is felt on every node, also where the message between them was lost', async (t) => {
  const redis = await startRedis(t)
  const shared = { ...settings, REDIS_URL: redis.url, REDIS_PREFIX: randomUUID() }
  const [near, far] = [await startServer(t, shared), await startServer(t, shared)] as const
  const alice = await far.connect('/ws?user_id=alice')
  const bob = await far.connect('/ws?user_id=bob')
  for (const client of [alice, bob]) await client.ask({ type: 'join_room', room: 'r' })
  await kick(near, 'r', 'alice')
  await alice.next(({ action }) => action === 'removed')
  await until(async () => (await online(near, 'r')).online_count === 1)

  // Deaf: the node hears nothing of what is published from here on.
  const { subscriber } = far.app.redis as unknown as { subscriber: { removeAllListeners(event: string): void } }
  subscriber.removeAllListeners('messageBuffer')
  await alice.ask({ type: 'join_room', room: 's' })
  await request(`${near.url}/groups/staff/members/bob`, { method: 'PUT' })
  await kick(near, 's', 'alice')
  await disconnect(near, 'bob')
  // The look at the tops finds it, which is due every 20 s.
  await far.app.messageBus.lookAtTops()
  await alice.next(({ action, room }) => action === 'removed' && room === 's')
  t.equal(await bob.closed(), 4501)
})
