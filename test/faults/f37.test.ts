import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { chatOf, offsetsOf, range } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { Random } from './support/random.js'

t.setTimeout(120_000)

const settings = { RATE_LIMIT_PER_SECOND: 0, HISTORY_SIZE: 100_000 }
const PER_NODE = 6
const FLAPS = 40

interface Flapper {
  readonly client: LiveClient
  readonly node: number
  readonly userId: string
  /** The answers to its joins, and the offset up to which each counts: undefined for the last. */
  readonly stays: Array<{ readonly ack: Message; left: Message | undefined }>
  inside: boolean
}

t.test('F37: a room that is joined and left all the time from both nodes ends up exact', async (t) => {
  const { url, port } = await startRedis(t)
  const shared = { ...settings, REDIS_URL: url, REDIS_PREFIX: randomUUID() }
  const nodes = [await startServer(t, shared), await startServer(t, shared)]
  const redis = new Redis(port, '127.0.0.1')
  t.teardown(() => redis.disconnect())
  const topicsOf = async () => ((await redis.call('PUBSUB', 'CHANNELS', '*topic:room:r')) as string[])[0]
  const hearers = async () => {
    const topic = await topicsOf()
    return topic === undefined ? 0 : Number(((await redis.call('PUBSUB', 'NUMSUB', topic)) as unknown[])[1])
  }
  await flap(t, nodes, hearers)
  await until(hearers, (count) => count === 0)
  t.equal(await topicsOf(), undefined, 'the last one to leave ended the subscription')
})

t.test('F37: the same on one node over the embedded store', async (t) => {
  await flap(t, [await startServer(t, settings)], undefined)
})

async function flap(t: Test, nodes: TestServer[], hearers: (() => Promise<number>) | undefined): Promise<void> {
  const random = new Random(37)
  const channels = nodes.map(({ app }) => app.messageBus.size)
  const flappers = await Promise.all(
    nodes.flatMap((server, node) => range(1, PER_NODE).map((n) => createFlapper(server, node, `n${node}u${n % 4}`)))
  )
  const publishers = nodes.map((server) => publishAlways(server))
  // On the second node everybody ends outside: it is to hear nothing any more.
  await Promise.all(flappers.map((flapper) => flapAlone(flapper, random, flapper.node === 0 && random.next() < 0.5)))
  await Promise.all(publishers.map((publisher) => publisher.stop()))

  const inside = flappers.filter((flapper) => flapper.inside)
  t.ok(inside.length > 0 && inside.length < flappers.length, `${inside.length} are in at the end`)
  const counts = { online_count: new Set(inside.map(({ userId }) => userId)).size, connections: inside.length }
  for (const { url } of nodes) t.match((await request(`${url}/rooms/r/online`)).body, counts)
  if (hearers !== undefined) t.equal(await until(hearers, (count) => count === 1), 1, 'one node hears the room')

  const { body } = await request(`${nodes[0]?.url}/rooms/r/messages`, { method: 'POST', body: { content: 'end' } })
  for (const { client } of inside) await until(() => chatOf(client, 'r').at(-1)?.offset === body.offset)
  t.ok(body.offset > 50, `${body.offset} messages went out meanwhile`)
  for (const flapper of flappers) checkStays(t, flapper, body.offset)

  for (const { client } of flappers) await client.ask({ type: 'leave_room', room: 'r' })
  for (const { url } of nodes)
    t.match((await request(`${url}/rooms/r/online`)).body, { online_count: 0, connections: 0 })
  for (const { client } of flappers) client.socket.close(1000)
  for (const [index, { app }] of nodes.entries()) {
    t.equal(
      await until(
        () => app.messageBus.size,
        (size) => size === channels[index]
      ),
      channels[index],
      'channels'
    )
  }
}

async function createFlapper(server: TestServer, node: number, userId: string): Promise<Flapper> {
  return { client: await server.connect(`/ws?user_id=${userId}`), node, userId, stays: [], inside: false }
}

/** In and out, sometimes without waiting for the answer in between. */
async function flapAlone(flapper: Flapper, random: Random, endsInside: boolean): Promise<void> {
  const { client, stays } = flapper
  for (let round = 0; round < FLAPS; round++) {
    const joined = client.ask({ type: 'join_room', room: 'r' })
    if (random.next() < 0.5) await joined
    const left = client.ask({ type: 'leave_room', room: 'r' })
    stays.push({ ack: await joined, left: await left })
    for (let turn = random.integer(0, 5); turn > 0; turn--) await nextTurn()
  }
  if (endsInside) stays.push({ ack: await client.ask({ type: 'join_room', room: 'r' }), left: undefined })
  flapper.inside = endsInside
}

function publishAlways({ url }: TestServer): { stop(): Promise<void> } {
  let stopped = false
  const run = async () => {
    while (!stopped) await request(`${url}/rooms/r/messages`, { method: 'POST', body: { content: 1 } })
  }
  const running = run()
  return {
    stop: async () => {
      stopped = true
      await running
    }
  }
}

/** While it was in it heard everything from the answer on, in order; while it was out nothing. */
function checkStays(t: Test, { client, userId, stays }: Flapper, top: number): void {
  const { messages } = client
  const faults: string[] = []
  let end = 0
  for (const { ack, left } of stays) {
    const begin = messages.indexOf(ack)
    const outside = offsetsOf(messages.slice(end, begin).filter(({ type }) => type === 'chat_message'))
    if (outside.length > 0) faults.push(`heard ${outside} while it was out`)
    end = left === undefined ? messages.length : messages.indexOf(left)
    const heard = offsetsOf(messages.slice(begin, end).filter(({ type }) => type === 'chat_message'))
    const expected = range(ack.offset + 1, left === undefined ? top : ack.offset + heard.length)
    if (JSON.stringify(heard) !== JSON.stringify(expected)) faults.push(`heard ${heard} instead of ${expected}`)
  }
  t.strictSame(faults, [], userId)
}
