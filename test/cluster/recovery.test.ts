import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { Keys } from '../../src/store/redis/keys.js'
import { chatOf } from '../live/each-store.js'
import { bystander } from '../store/redis-harness.js'
import { RestartableRedis } from '../store/restartable-redis.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

const PHONE = 'user_id=ann&device_id=phone'

/** Ann, in a room with a message and with an inbox, on one node; another node; and a Redis that can lose everything. */
async function setUp(t: Test) {
  const server = await RestartableRedis.start(t)
  const REDIS_PREFIX = randomUUID()
  const settings = { REDIS_URL: server.url, REDIS_PREFIX }
  const [here, there] = [await startServer(t, settings), await startServer(t, settings)]
  const keys = new Keys(REDIS_PREFIX)
  const ann = await here.connect(`/ws?${PHONE}`)
  await ann.ask({ type: 'join_room', room: 'r' })
  await post(here)
  await until(() => chatOf(ann, 'r').length === 1)
  const { session_id } = ann.messages[0] as Message
  const known = {
    session: keys.session(session_id),
    device: keys.deviceCursors('ann', 'phone')
  }
  /** Which of what Redis is to have of Ann's connection is there. */
  const kept = async () => {
    const redis = await bystander(t, server.url)
    const [session, device] = await Promise.all(Object.values(known).map((key) => redis.exists(key)))
    redis.disconnect()
    return { session, device }
  }
  await until(async () => (await kept()).device === 1)
  return { server, here, there, ann, kept }
}

const post = async ({ url }: TestServer) =>
  await request(`${url}/rooms/r/messages`, { method: 'POST', body: { content: 1 } })
const statusOf = async ({ url }: TestServer) => (await request(`${url}/health/ready`)).status
const resetsOf = ({ messages }: LiveClient) => messages.filter(({ action, room }) => action === 'reset' && room === 'r')
const onlineOf = async ({ url }: TestServer) => (await request(`${url}/rooms/r/online`)).body
const usersOf = async ({ url }: TestServer) =>
  (await request(`${url}/users/online`, { method: 'POST', body: { user_ids: ['ann'] } })).body.online

/** The last step in which a node writes again what Redis had of it waits until the returned function is called. */
function holdLastStep({ app: { feeds } }: TestServer) {
  let open = () => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  const reopenAll = feeds.reopenAll.bind(feeds)
  const held = { reached: 0, open: () => open() }
  feeds.reopenAll = async () => {
    held.reached++
    await gate
    await reopenAll()
  }
  return held
}

const losses = {
  'restarted empty': (server: RestartableRedis) => server.crash(),
  'was flushed': async (server: RestartableRedis, t: Test) => {
    const redis = await bystander(t, server.url)
    await redis.flushall()
    redis.disconnect()
  }
}

for (const [loss, lose] of Object.entries(losses)) {
  t.test(`after Redis ${loss} all that it had of a node is there again before anybody is told a reset`, async (t) => {
    const { server, here, there, ann, kept } = await setUp(t)
    const last = holdLastStep(here)
    await lose(server, t)
    await until(async () => (await statusOf(there)) === 200)
    // By this message the node hears of the new numbering, if by nothing else.
    await until(async () => (await post(there)).status < 300)
    await until(() => last.reached > 0)
    t.match(await kept(), { session: 1, device: 0 })
    t.match(await onlineOf(there), { online_count: 1, connections: 1 })
    t.match(await usersOf(there), { ann: true })
    t.equal(await statusOf(here), 503, 'it is not ready before it is whole')
    t.same(resetsOf(ann), [], 'a reset comes after all of this')
    last.open()
    await until(() => resetsOf(ann).length > 0)
    t.match(await kept(), { session: 1, device: 1 })
    await until(async () => (await statusOf(here)) === 200)
    await until(() => chatOf(ann, 'r').length === 2)
    t.equal(resetsOf(ann).length, 1)
  })

  t.test(`after Redis ${loss} the session of a connection is resumed on another node`, async (t) => {
    const { server, here, there, ann } = await setUp(t)
    await lose(server, t)
    await until(async () => (await post(there)).status < 300)
    await until(() => resetsOf(ann).length > 0)
    const { session_id, resume_token } = ann.messages[0] as Message
    const back = await there.connect(`/ws?${PHONE}`)
    t.match(await back.ask({ type: 'resume', session_id, resume_token }), { type: 'ack', rooms: { r: {} } })
    t.equal(await ann.closed(), 4502)
    await until(async () => (await onlineOf(here)).connections === 1)
    t.match(await onlineOf(here), { online_count: 1 })
  })
}
