import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { Random } from './support/random.js'

t.setTimeout(120_000)

const TORN = 600
const AT_ONCE = 40
const settings = { RATE_LIMIT_PER_SECOND: 0, SESSION_TTL: 1 }

/** What a connection has just begun when it is torn. Each begins with what it needs to be known as a user. */
const beginnings: Record<string, (socket: WebSocket, epoch: string, n: number) => void> = {
  'a first subscription': (socket, _epoch, n) => send(socket, { type: 'join_room', room: `own${n}` }),
  'a subscription': (socket) => send(socket, { type: 'join_room', room: 'shared' }),
  'a change of mind': (socket) => {
    for (const type of ['join_room', 'leave_room', 'join_room']) send(socket, { type, room: 'shared' })
  },
  publishes: (socket) => {
    send(socket, { type: 'join_room', room: 'shared' })
    for (let n = 0; n < 10; n++) send(socket, { type: 'chat_message', room: 'shared', content: n })
    send(socket, { type: 'direct_message', to: 'u1', content: 'hi' })
    send(socket, { type: 'group_message', group: 'g', content: 'hi' })
  },
  'a replay': (socket, epoch) => send(socket, { type: 'join_room', room: 'long', since: { epoch, offset: 0 } }),
  'half a frame': (socket) => {
    send(socket, { type: 'join_room', room: 'shared' })
    // Text, masked, 100 bytes long, of which three come.
    const { _socket: raw } = socket as unknown as { _socket: { write(bytes: Buffer): void } }
    raw.write(Buffer.from([0x81, 0xe4, 1, 2, 3, 4, 65, 66, 67]))
  },
  nothing: () => {}
}

function send(socket: WebSocket, message: object): void {
  socket.send(JSON.stringify(message))
}

t.test(`F36: ${TORN} torn connections leave nothing behind (embedded)`, async (t) => {
  await tearAll(t, [await startServer(t, settings)])
})

t.test(`F36: ${TORN} torn connections leave nothing behind, on two nodes and in Redis`, async (t) => {
  const { url, port } = await startRedis(t)
  const shared = { ...settings, REDIS_URL: url, REDIS_PREFIX: randomUUID() }
  const nodes = [await startServer(t, shared), await startServer(t, shared)]
  const redis = new Redis(port, '127.0.0.1')
  t.teardown(() => redis.disconnect())
  const topics = async () => ((await redis.call('PUBSUB', 'CHANNELS')) as string[]).sort()
  const probes = (now: string[]) => now.filter((topic) => topic.includes(':probe:')).length
  const before = await until(topics, (now) => probes(now) === 2)
  await tearAll(t, nodes)
  t.strictSame(await until(topics, (now) => now.length === before.length), before, 'Redis has the same subscriptions')
  const lasting = await until(
    () => keysWithoutEnd(redis),
    (keys) => keys.length === 0
  )
  t.strictSame(lasting, [], 'every key has an end')
})

async function tearAll(t: Test, nodes: readonly TestServer[]): Promise<void> {
  const random = new Random(36)
  const [server] = nodes as [TestServer]
  for (let n = 0; n < 20; n++) await request(`${server.url}/groups/g/members/u${n}`, { method: 'PUT' })
  const epoch = await fillLong(server)
  const channels = nodes.map(({ app }) => app.messageBus.size)
  for (let torn = 0; torn < TORN; torn += AT_ONCE) {
    const plans = Array.from({ length: AT_ONCE }, (_, index) => ({
      url: nodes[index % nodes.length]?.url ?? '',
      begin: beginnings[random.pick(Object.keys(beginnings))] as (typeof beginnings)[string],
      turns: random.integer(0, 12),
      n: torn + index
    }))
    await Promise.all(plans.map((plan) => tear(plan, epoch)))
  }
  for (const [index, { app, url }] of nodes.entries()) {
    await until(
      () => app.pool.size,
      (size) => size === 0
    )
    t.equal(
      await until(
        () => app.messageBus.size,
        (size) => size === channels[index]
      ),
      channels[index],
      'channels'
    )
    t.equal(app.pool.userCount, 0)
    t.equal(app.rooms.localSize, 0)
    await until(
      async () => (await request(`${url}/online`)).body,
      ({ connections, users, rooms }) => connections + users + rooms === 0
    )
    t.strictSame((await request(`${url}/rooms`)).body.rooms, [])
  }
  await checkStillWorking(t, nodes)
}

interface Plan {
  readonly url: string
  readonly begin: (socket: WebSocket, epoch: string, n: number) => void
  readonly turns: number
  readonly n: number
}

async function tear({ url, begin, turns, n }: Plan, epoch: string): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws?user_id=u${n % 20}&device_id=d${n % 3}`)
  socket.on('error', () => {})
  await once(socket, 'open')
  begin(socket, epoch, n)
  for (let turn = 0; turn < turns; turn++) await nextTurn()
  // With a reset where something waits to be read, as of a cable that is pulled; without a goodbye in any case.
  const closed = once(socket, 'close')
  socket.terminate()
  await closed
}

/** A room whose replay does not fit into a socket at once. */
async function fillLong({ url }: TestServer): Promise<string> {
  const items = Array.from({ length: 60 }, () => ({ room: 'long', content: 'x'.repeat(60_000) }))
  const { body } = await request(`${url}/publish`, { method: 'POST', body: { items } })
  return body.results[0].epoch
}

/** Rooms, inboxes and groups are as good as new. */
async function checkStillWorking(t: Test, nodes: readonly TestServer[]): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    const client = await node.connect(`/ws?user_id=u1&device_id=fresh${index}`)
    t.match(await client.ask({ type: 'join_room', room: 'shared' }), { type: 'ack', online_count: 1 })
    await client.ask({ type: 'chat_message', room: 'shared', content: 'still here' })
    await client.next(({ type, content }) => type === 'chat_message' && content === 'still here')
    await client.ask({ type: 'direct_message', to: 'u1', content: 'still here' })
    await client.next(({ type, content }) => type === 'direct_message' && content === 'still here')
    client.socket.close(1000)
    await until(async () => (await request(`${node.url}/rooms/shared/online`)).body.connections === 0)
  }
}

/** Lists of those who are there have none while there is anybody, and are nowhere when nobody is. */
/** But for what the backend made, and what the nodes themselves have there as long as they live. */
async function keysWithoutEnd(redis: Redis): Promise<string[]> {
  const keys = await redis.keys('*')
  const ends = await Promise.all(keys.map((key) => redis.pttl(key)))
  return keys.filter(
    (key, index) => ends[index] === -1 && !/\{nodes\}|:holders$|:ingest$|:group:|:group-names:|:groups-of:/.test(key)
  )
}
