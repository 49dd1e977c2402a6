import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { RedisConnections } from '../../src/store/redis/connections.js'
import { bystander } from '../store/redis-harness.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { startServer, type TestServer } from '../support/server.js'
import { watchWrites } from '../support/socket-writes.js'
import { until } from '../support/until.js'
import { askTogether, chat, countedClient, countedMember, countFromNow, heardByAll } from './counted-room.js'

const redis = await startRedis(t)

/** Nodes of one cluster. Their clocks stand still: nothing is asked to keep them alive. */
async function startNodes(t: Test, count: number): Promise<TestServer[]> {
  const settings = { REDIS_URL: redis.url, REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}` }
  const options = { clock: new ManualClock() }
  return await Promise.all(Array.from({ length: count }, () => startServer(t, settings, options)))
}

function connectionsOf({ app }: TestServer): RedisConnections {
  return app.redis as unknown as RedisConnections
}

/** What nodes ask of Redis during `task`, but for the ingest stream, on which they always wait. */
async function askedDuring(t: Test, nodes: readonly TestServer[], task: () => Promise<void>): Promise<string[]> {
  const connections = nodes.map(connectionsOf).flatMap(({ commands, subscriber }) => [commands, subscriber])
  const sources = connections.map(({ stream }) => `127.0.0.1:${(stream as unknown as { localPort: number }).localPort}`)
  const admin = await bystander(t, redis.url)
  const monitor = await admin.monitor()
  t.teardown(() => monitor.disconnect())
  const asked: string[] = []
  let over = false
  monitor.on('monitor', (_time: string, [name = '']: string[], source: string) => {
    if (sources.includes(source)) asked.push(name)
    if (name === 'echo') over = true
  })
  await task()
  await admin.echo('over')
  await until(() => over)
  return asked
}

t.test('a message from node to node is one command in all', async (t) => {
  const nodes = (await startNodes(t, 2)) as [TestServer, TestServer]
  const publisher = await countedClient(nodes[0])
  const members = [await countedMember(nodes[0]), await countedMember(nodes[1])]
  await countFromNow(publisher, members)
  const asked = await askedDuring(t, nodes, async () => {
    await publisher.client.ask(chat('hi'))
    await heardByAll(members, 'hi')
  })
  t.strictSame(asked, ['evalsha'])
})

t.test('what one turn publishes to different rooms is one write to Redis', async (t) => {
  const [node] = (await startNodes(t, 1)) as [TestServer]
  const publisher = await countedClient(node)
  await countFromNow(publisher, [])
  const { commands, subscriber } = connectionsOf(node)
  const writes = watchWrites(commands.stream)
  const others = watchWrites(subscriber.stream)
  const rooms = Array.from({ length: 20 }, (_, index) => `room-${index}`)
  await askTogether(
    publisher,
    rooms.map((room) => chat('hi', room))
  )
  t.equal(writes.length, 1)
  t.equal(others.length, 0)
})
