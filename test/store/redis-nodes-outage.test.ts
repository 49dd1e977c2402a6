import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { RedisNodes } from '../../src/store/redis/redis-nodes.js'
import { openRedisStore } from '../../src/store/redis/redis-store.js'
import type { Store } from '../../src/store/store.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { until } from './hearing.js'
import { membership } from './presence-contract.js'
import { bystander, connect } from './redis-harness.js'
import { RestartableRedis } from './restartable-redis.js'

const LEASE_MS = 8000

async function openNode(t: Test, url: string, prefix: string) {
  const connections = await connect(t, url)
  const clock = new ManualClock(Date.now())
  const errors: unknown[] = []
  const store: Store = await openRedisStore({
    graceMs: 0,
    deviceTtlMs: 60_000,
    sessionTtlMs: 60_000,
    removalTtlMs: 60_000,
    connections,
    url,
    prefix,
    clock,
    onDeaf: () => {},
    onError: (error) => errors.push(error)
  })
  const node = { store, clock, errors, departed: [] as string[], lost: 0 }
  const onDeparture = ({ userIds }: { userIds: readonly string[] }) => node.departed.push(...userIds)
  await store.nodes.start({ onDeparture, onLeaseLost: () => node.lost++ }, () => 0)
  return node
}

t.test('after Redis hung nobody is judged until a whole lease has passed', async (t) => {
  const server = await startRedis(t)
  const prefix = randomUUID()
  const one = await openNode(t, server.url, prefix)
  const two = await openNode(t, server.url, prefix)
  const redis = await bystander(t, server.url)
  await two.store.presence.join([membership('a', 'ann')])
  one.clock.advance(LEASE_MS)
  await until(() => (one.store.nodes as RedisNodes).leaseAgeMs === 0)
  server.process.kill('SIGSTOP')
  one.clock.advance(2000)
  // Neither its renewal nor its look for dead nodes was answered.
  await until(() => one.errors.length > 1)
  server.process.kill('SIGCONT')
  // The other node could not renew meanwhile either: its lease is over, through no fault of its own.
  const [leases = ''] = (await redis.keys(`${prefix}:*leases`)) as string[]
  const name = (await redis.zrange(leases, 0, '-1')).find((member) => member.startsWith(two.store.nodes.nodeId)) ?? ''
  await redis.zadd(leases, 1, name)
  one.clock.advance(2000)
  await until(async () => (await one.store.nodes.count().catch(() => undefined)) !== undefined)
  await one.store.nodes.count()
  t.not(await redis.zscore(leases, name), null, 'its lease is not taken')
  two.clock.advance(2000)
  await until(async () => Number(await redis.zscore(leases, name)) > Date.now(), 2000).catch(() =>
    t.fail('it is buried')
  )
  t.equal(two.lost, 0)
  t.same(one.departed, [])
})

t.test('presence that Redis lost is written again', async (t) => {
  const server = await RestartableRedis.start(t)
  const node = await openNode(t, server.url, randomUUID())
  await node.store.presence.join([membership('a', 'ann')])
  await server.crash()
  await until(() => node.store.readiness().ready)
  node.clock.advance(2000)
  await until(() => node.lost > 0)
  t.same(node.store.readiness(), { ready: true })
})

t.test('presence that Redis rolled back is written again', async (t) => {
  const server = await RestartableRedis.start(t)
  const node = await openNode(t, server.url, randomUUID())
  await node.store.presence.join([membership('a', 'gone')])
  await server.save()
  await node.store.presence.leave([membership('a', 'gone')])
  await node.store.presence.join([membership('a', 'ann')])
  await server.crash()
  await until(() => node.store.readiness().ready)
  // The roll-back knows one who left, and not the one who came: only the node can put that right.
  node.clock.advance(2000)
  await until(() => node.lost > 0, 3000).catch(() => t.fail('nobody is told that the presence is wrong'))
})

t.test('a node is ready again as soon as its lease is renewed', async (t) => {
  const server = await startRedis(t)
  const node = await openNode(t, server.url, randomUUID())
  // All at once: the renewals on the way have not been answered yet.
  node.clock.advance(4001)
  t.match(node.store.readiness(), { ready: false, reason: 'Redis does not answer' })
  await until(() => node.store.readiness().ready)
  t.same(node.errors, [])
})
