import { randomUUID } from 'node:crypto'
import t from 'tap'
import { bystander } from '../store/redis-harness.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'

const redis = await startRedis(t)
const prefixes = [randomUUID(), randomUUID()] as const

async function startCluster(prefix: string) {
  const settings = { REDIS_URL: redis.url, REDIS_PREFIX: prefix }
  const server = await startServer(t, settings)
  const post = (path: string, body: object) => request(`${server.url}${path}`, { method: 'POST', body })
  const get = async (path: string) => (await request(`${server.url}${path}`)).body
  return { server, post, get }
}

t.test('two clusters with prefixes of their own share a Redis and nothing else', async (t) => {
  const [ours, theirs] = [await startCluster(prefixes[0]), await startCluster(prefixes[1])]
  const [alice, bob] = [await ours.server.connect('/ws?user_id=alice'), await theirs.server.connect('/ws?user_id=bob')]
  for (const client of [alice, bob]) await client.ask({ type: 'join_room', room: 'r' })

  await ours.post('/rooms/r/messages', { content: 'a room' })
  await ours.post('/broadcast', { content: 'a broadcast' })
  await ours.post('/users/bob/messages', { content: 'an inbox' })
  await request(`${ours.server.url}/groups/g/members/bob`, { method: 'PUT' })
  await ours.post('/groups/g/messages', { content: 'a group' })
  await alice.ask({ type: 'signal', room: 'r', content: 'a signal' })
  // Control of one cluster does not reach into the other.
  await request(`${ours.server.url}/rooms/r/members/bob`, { method: 'DELETE' })
  await request(`${ours.server.url}/users/bob/connections`, { method: 'DELETE' })
  const backend = await bystander(t, redis.url)
  const entry = JSON.stringify({ type: 'chat_message', room: 'r', content: 'by the stream' })
  await backend.xadd(`${prefixes[0]}:ingest`, '*', 'message', entry)
  await alice.next(({ content }) => content === 'by the stream')

  await theirs.post('/rooms/r/messages', { content: 'their own' })
  await bob.next(({ content }) => content === 'their own')
  t.same(
    bob.messages.filter(({ content }) => content !== undefined).map(({ content }) => content),
    ['their own']
  )
  t.notOk(bob.messages.some(({ action }) => action === 'removed'))
  t.match(await theirs.get('/rooms/r/history'), { offset: 1, messages: [{ content: 'their own' }] })
  t.match(await theirs.get('/rooms'), { rooms: [{ room: 'r', online_count: 1, connections: 1 }] })
  t.match(await theirs.get('/rooms/r/members'), { members: [{ user_id: 'bob' }] })
  t.match(await theirs.get('/users/alice'), { online: false })
  t.match(await theirs.get('/users/bob/inbox'), { messages: [] })
  t.match(await theirs.get('/users/bob/groups'), { groups: [] })
  t.match(await theirs.get('/online'), { nodes: 1, users: 1, rooms: 1 })
})

t.test('another database is no cluster of its own for those who only listen', async (t) => {
  const prefix = randomUUID()
  const databases = await Promise.all(
    [1, 2].map((db) => startServer(t, { REDIS_URL: `${redis.url}/${db}`, REDIS_PREFIX: prefix }))
  )
  const [one, two] = await Promise.all(databases.map((server) => server.connect('/ws?user_id=alice')))
  await one?.ask({ type: 'join_room', room: 'r' })
  await two?.ask({ type: 'join_room', room: 'r' })
  await one?.ask({ type: 'signal', room: 'r', content: 'through the wall' })
  // As docs/redis.md says: what Redis publishes knows no databases.
  await until(() => two?.messages.some(({ content }) => content === 'through the wall'))
  t.pass()
})
