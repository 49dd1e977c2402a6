import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { chatOf } from '../live/each-store.js'
import { bystander } from '../store/redis-harness.js'
import type { LiveClient } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

const redisUrl = (await startRedis(t)).url

/** Two nodes, and a member on the first that misses that somebody came on the second. */
async function setUp(t: Test) {
  const settings = { REDIS_URL: redisUrl, REDIS_PREFIX: randomUUID() }
  const [here, there] = [await startServer(t, settings), await startServer(t, settings)]
  const member = await here.connect('/ws?user_id=member')
  for (const room of ['r', 'quiet']) await member.ask({ type: 'join_room', room })
  const deaf = deafen(here)
  const late = await there.connect('/ws?user_id=late')
  await late.ask({ type: 'join_room', room: 'r' })
  return { there, member, deaf }
}

/** What comes to a node from now on is lost on it. */
function deafen({ app: { messageBus } }: TestServer): { missed: string[]; hearAgain: () => void } {
  const { onSignal, onMessage } = messageBus
  const missed: string[] = []
  messageBus.onSignal = (id) => missed.push(`signal in ${id}`)
  messageBus.onMessage = (id) => missed.push(`message in ${id}`)
  return { missed, hearAgain: () => Object.assign(messageBus, { onSignal, onMessage }) }
}

const countsHeardBy = ({ messages }: LiveClient) =>
  messages
    .filter(({ action }) => action === 'online_count')
    .map(({ room, online_count, joined, left }) => [room, online_count, joined, left])

const post = async ({ url }: TestServer, content: number) =>
  await request(`${url}/rooms/r/messages`, { method: 'POST', body: { content } })

t.test(
  'after its subscriber was cut members of a node hear the count of rooms in which they missed something',
  async (t) => {
    const { there, member, deaf } = await setUp(t)
    await until(() => deaf.missed.includes('signal in room:r'))
    deaf.hearAgain()
    const redis = await bystander(t, redisUrl)
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until(() => countsHeardBy(member).length > 0)
    await post(there, 1)
    await until(() => chatOf(member, 'r').length === 1)
    t.same(countsHeardBy(member), [['r', 2, 0, 0]], 'and of no other')
  }
)

t.test('where a message is missing the count may be wrong as well, and members hear it', async (t) => {
  const { there, member, deaf } = await setUp(t)
  await post(there, 1)
  await until(() => deaf.missed.includes('message in room:r'))
  deaf.hearAgain()
  await post(there, 2)
  await until(() => countsHeardBy(member).length > 0)
  t.same(countsHeardBy(member), [['r', 2, 0, 0]])
  t.same(
    chatOf(member, 'r').map(({ content }) => content),
    [1, 2]
  )
  await post(there, 3)
  await until(() => chatOf(member, 'r').length === 3)
  t.equal(countsHeardBy(member).length, 1)
})
