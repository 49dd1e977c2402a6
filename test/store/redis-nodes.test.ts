import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { LeaseLoss, RoomDeparture } from '../../src/store/nodes.js'
import type { RedisConnection } from '../../src/store/redis/connections.js'
import { Keys, partitionOf } from '../../src/store/redis/keys.js'
import { RedisNodes } from '../../src/store/redis/redis-nodes.js'
import { RedisPresence } from '../../src/store/redis/redis-presence.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { until } from './hearing.js'
import { membership } from './presence-contract.js'
import { bystander, connect, keysOf } from './redis-harness.js'

const LEASE_MS = 8000
const server = await startRedis(t)

interface NodeUnderTest {
  readonly nodes: RedisNodes
  readonly presence: RedisPresence
  readonly clock: ManualClock
  readonly lease: RedisConnection
  readonly commands: RedisConnection
  readonly departures: RoomDeparture[]
  readonly errors: unknown[]
  readonly lost: LeaseLoss[]
  connections: number
}

/** A cluster with a prefix of its own, whose nodes renew and sweep only as their clocks are moved. */
async function cluster(t: Test, size: number, url = server.url, graceMs = 0) {
  const prefix = randomUUID()
  const keys = new Keys(prefix)
  const redis = await bystander(t, url)
  const startNode = async (): Promise<NodeUnderTest> => {
    const connections = await connect(t, url)
    const clock = new ManualClock(Date.now())
    const errors: unknown[] = []
    const nodes = new RedisNodes({
      nodeId: randomUUID(),
      connections,
      keys,
      clock,
      seenTtlMs: 60_000,
      graceMs,
      onError: (error) => errors.push(error)
    })
    const presence = new RedisPresence({
      redis: connections.commands,
      keys,
      node: () => nodes.name,
      now: clock.now,
      seenTtlMs: 60_000
    })
    const node: NodeUnderTest = {
      nodes,
      presence,
      clock,
      lease: connections.lease,
      commands: connections.commands,
      departures: [],
      errors,
      lost: [],
      connections: 0
    }
    const listener = {
      onDeparture: (departure: RoomDeparture) => node.departures.push(departure),
      onLeaseLost: (loss: LeaseLoss) => node.lost.push(loss)
    }
    await nodes.start(listener, () => node.connections)
    return node
  }
  const started = await Promise.all(Array.from({ length: size }, startNode))
  /** As if the node had not renewed for a whole lease. */
  const endLease = (node: NodeUnderTest) => redis.zadd(keys.leases, Date.now() - 1, node.nodes.name)
  /** Resolves when the burial of this name is over. */
  const buried = async (name: string) =>
    await until(async () => {
      const scores = await Promise.all([redis.zscore(keys.leases, name), redis.zscore(keys.dead, name)])
      return scores.every((score) => score === null)
    })
  return {
    nodes: started as [NodeUnderTest, NodeUnderTest, NodeUnderTest],
    redis,
    keys,
    prefix,
    startNode,
    endLease,
    buried
  }
}

/** Keys of a node that do not go by themselves. */
async function keysUnder(name: string, redis: Redis, prefix: string): Promise<string[]> {
  const keys = (await keysOf(redis, prefix)).filter((key) => key.includes(name))
  const ttls = await Promise.all(keys.map((key) => redis.pttl(key)))
  return keys.filter((_key, index) => ttls[index] === -1)
}

/** Lets a node judge: it has been connected for a whole lease. */
function mayJudge(node: NodeUnderTest): void {
  node.clock.advance(LEASE_MS)
}

/** Lets time go on for a node until something is so. */
async function keepJudging(node: NodeUnderTest, done: () => Promise<unknown>): Promise<void> {
  const turn = setInterval(() => node.clock.advance(1000), 20)
  try {
    await done()
    for (let seconds = 0; seconds < 2 * LEASE_MS; seconds += 1000) {
      node.clock.advance(1000)
      await node.nodes.count()
    }
  } finally {
    clearInterval(turn)
  }
}

/** As after a reconnect: the node takes the time that it is told. */
async function restartTime(node: NodeUnderTest): Promise<void> {
  const before = node.nodes.nowMs
  node.lease.emit('ready')
  await until(() => Math.abs(node.nodes.nowMs - before) > 1000)
}

function departed(node: NodeUnderTest, room: string): string[] {
  return node.departures.filter((departure) => departure.room === room).flatMap(({ userIds }) => [...userIds])
}

t.test('a node whose lease ran out is buried by another: members, counts and connections are gone', async (t) => {
  const { nodes, redis, prefix, endLease, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  await dead.presence.join(['a', 'b', 'c'].map((room) => membership(room, 'ann')))
  await dead.presence.join([membership('a', 'bob'), membership('a', 'bob', 'second')])
  await dead.presence.connect('ann-1', 'ann')
  await living.presence.join([membership('a', 'eve')])
  await living.presence.connect('eve-1', 'eve')
  const { name } = dead.nodes
  await endLease(dead)
  mayJudge(living)
  await buried(name)
  t.same(departed(living, 'a').sort(), ['ann', 'bob'])
  t.same(departed(living, 'b'), ['ann'])
  t.same(departed(living, 'c'), ['ann'])
  t.equal(living.departures.find(({ room }) => room === 'a')?.users, 1)
  t.equal(living.departures.find(({ room }) => room === 'b')?.users, 0)
  t.same(await living.presence.counts(['a', 'b', 'c']), [
    { users: 1, connections: 1 },
    { users: 0, connections: 0 },
    { users: 0, connections: 0 }
  ])
  t.same(await living.presence.connections(['ann', 'eve']), [0, 1])
  t.same(await living.presence.totals(), { users: 1, rooms: 1 })
  t.same(await keysUnder(name, redis, prefix), [], 'no key of its name is left')
  t.same(living.errors, [])
})

t.test('a user who has a connection on a living node stays', async (t) => {
  const { nodes, endLease, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  await dead.presence.join([membership('a', 'ann', 'd1'), membership('a', 'ann', 'd2'), membership('a', 'bob', 'd3')])
  await living.presence.join([membership('a', 'ann', 'l1')])
  await Promise.all(['d1', 'd2'].map((connectionId) => dead.presence.connect(connectionId, 'ann')))
  await living.presence.connect('l1', 'ann')
  const { name } = dead.nodes
  await endLease(dead)
  mayJudge(living)
  await buried(name)
  t.same(departed(living, 'a'), ['bob'])
  t.same(await living.presence.counts(['a']), [{ users: 1, connections: 1 }])
  t.same(await living.presence.connections(['ann']), [1])
  t.match(await living.presence.leave([membership('a', 'ann', 'l1')]), [{ userChanged: true, users: 0 }])
})

for (const size of [501, 1200, 9000]) {
  t.test(`a dead node's ${size} members of one room are all removed and told once`, async (t) => {
    const { nodes, endLease, buried } = await cluster(t, 2)
    const [living, dead] = nodes
    const userIds = Array.from({ length: size }, (_, index) => `user-${index}`)
    await dead.presence.join(userIds.map((userId) => membership('hall', userId)))
    await Promise.all(userIds.map((userId) => dead.presence.connect(`${userId}-1`, userId)))
    await living.presence.join([membership('hall', 'eve')])
    const { name } = dead.nodes
    await endLease(dead)
    mayJudge(living)
    await buried(name).catch(() => t.fail('the burial does not come to its end'))
    const gone = departed(living, 'hall')
    t.equal(gone.length, size)
    t.equal(new Set(gone).size, size)
    t.equal(living.departures.at(-1)?.users, 1)
    t.same(await living.presence.counts(['hall']), [{ users: 1, connections: 1 }])
    t.same(await living.presence.totals(), { users: 0, rooms: 1 })
    // A burial that goes on for ever would outlive its test.
    await living.nodes.close()
  })
}

t.test('of several living nodes one buries, and each departure is told once', async (t) => {
  const { nodes, endLease, buried } = await cluster(t, 3)
  const [one, two, dead] = nodes
  const rooms = Array.from({ length: 40 }, (_, index) => `room-${index}`)
  await dead.presence.join(rooms.map((room) => membership(room, 'ann')))
  const { name } = dead.nodes
  await endLease(dead)
  mayJudge(one)
  mayJudge(two)
  await buried(name)
  const told = [...one.departures, ...two.departures]
    .filter(({ userIds }) => userIds.length > 0)
    .map(({ room }) => room)
  t.same(told.sort(), [...rooms].sort())
  t.ok(one.departures.length === 0 || two.departures.length === 0, 'by one node')
})

t.test('a burial that was broken off is ended by another node', async (t) => {
  const { nodes, redis, keys, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  await dead.presence.join([membership('a', 'ann')])
  const { name } = dead.nodes
  await redis.zrem(keys.leases, name)
  // Claimed by a third that ended meanwhile.
  await redis.zadd(keys.dead, Date.now() + 60_000, name)
  mayJudge(living)
  living.clock.advance(5000)
  t.same(await living.presence.counts(['a']), [{ users: 1, connections: 1 }], 'not while the claim lasts')
  await redis.zadd(keys.dead, 1, name)
  living.clock.advance(1000)
  await buried(name)
  t.same(departed(living, 'a'), ['ann'])
})

t.test('a node that was buried goes on under a new name, and is told', async (t) => {
  const { nodes, endLease, buried } = await cluster(t, 2)
  const [living, back] = nodes
  await back.presence.join([membership('a', 'ann')])
  const former = back.nodes.name
  await endLease(back)
  mayJudge(living)
  await buried(former)
  t.same(back.lost, [])
  back.clock.advance(2000)
  await until(() => back.lost.length === 1)
  t.not(back.nodes.name, former)
  t.ok(back.nodes.name.startsWith(back.nodes.nodeId))
  await back.presence.join([membership('a', 'ann')])
  t.same(await living.presence.counts(['a']), [{ users: 1, connections: 1 }])
  // It lives: nobody buries it, and nothing is lost again.
  back.clock.advance(2000)
  living.clock.advance(4000)
  await living.nodes.count()
  t.same(await living.presence.counts(['a']), [{ users: 1, connections: 1 }])
  t.equal(back.lost.length, 1)
  t.match(await living.nodes.count(), { nodes: 2 })
})

t.test('a node that renews late, yet before it was buried, keeps its lease', async (t) => {
  const { nodes, redis, keys, endLease } = await cluster(t, 2)
  const [, late] = nodes
  const { name } = late.nodes
  await endLease(late)
  late.clock.advance(2000)
  await until(async () => Number(await redis.zscore(keys.leases, name)) > Date.now())
  t.same(late.lost, [])
  t.equal(late.nodes.name, name)
})

t.test('a node judges nobody before it has been connected for a whole lease', async (t) => {
  const { nodes, redis, keys, endLease, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  await dead.presence.join([membership('a', 'ann')])
  const { name } = dead.nodes
  await endLease(dead)
  living.clock.advance(LEASE_MS - 1000)
  await living.nodes.count()
  t.not(await redis.zscore(keys.leases, name), null)

  // A new connection begins the time anew.
  const renewals = async () => Number(await redis.zscore(keys.leases, living.nodes.name))
  // It may be cut with an error.
  const ready = new Promise((resolve) => living.lease.once('ready', resolve))
  await redis.call('CLIENT', 'KILL', 'ADDR', `127.0.0.1:${living.lease.stream.localPort}`)
  await ready
  const before = await renewals()
  living.clock.advance(2000)
  await until(async () => (await renewals()) > before)
  await endLease(dead)
  living.clock.advance(LEASE_MS - 3000)
  await living.nodes.count()
  t.not(await redis.zscore(keys.leases, name), null)
  t.equal(living.departures.length, 0)
  living.clock.advance(LEASE_MS)
  await buried(name)
  t.same(departed(living, 'a'), ['ann'])
})

t.test('closing gives the lease back, and what is left of the node goes at once', async (t) => {
  const { nodes, redis, keys, prefix, buried } = await cluster(t, 2)
  const [living, leaving] = nodes
  await leaving.presence.join([membership('a', 'ann')])
  await leaving.presence.connect('ann-1', 'ann')
  const { name } = leaving.nodes
  await leaving.nodes.close()
  t.equal(await redis.zscore(keys.leases, name), null)
  t.match(await living.nodes.count(), { nodes: 1 })
  leaving.clock.advance(10_000)
  t.equal(await redis.zscore(keys.leases, name), null, 'it is not renewed')
  mayJudge(living)
  living.clock.advance(2000)
  await buried(name)
  await until(async () => (await living.presence.counts(['a']))[0]?.users === 0, 3000).catch(() =>
    t.fail('ann is there')
  )
  t.same(await living.presence.connections(['ann']), [0])
  t.same(await keysUnder(name, redis, prefix), [])
})

t.test('the members of a node that ended stay until the grace is over', async (t) => {
  const { nodes, redis, keys, buried } = await cluster(t, 2, server.url, 60_000)
  const [living, leaving] = nodes
  await leaving.presence.join([membership('a', 'ann')])
  const { name } = leaving.nodes
  const endedAt = leaving.clock.now()
  await leaving.nodes.close()
  const due = Number(await redis.zscore(keys.dead, name))
  t.ok(due >= endedAt + 60_000, 'due when the grace is over')
  t.ok(Number(await living.nodes.endOfLease(name)) >= endedAt, 'its sessions wait from here on')
  mayJudge(living)
  living.clock.advance(5000)
  await living.nodes.count()
  t.equal(Number(await redis.zscore(keys.dead, name)), due, 'nobody has claimed it')
  t.match(await living.presence.counts(['a']), [{ users: 1 }])
  await redis.zadd(keys.dead, 1, name)
  living.clock.advance(1000)
  await buried(name)
  t.same(departed(living, 'a'), ['ann'])
})

t.test('nodes and connections are counted over the cluster', async (t) => {
  const { nodes, startNode, endLease } = await cluster(t, 2)
  const [one, two] = nodes
  t.same(await one.nodes.count(), { nodes: 2, connections: 0 })
  one.connections = 3
  two.connections = 4
  t.same(await one.nodes.count(), { nodes: 2, connections: 3 }, 'the own ones as of now')
  two.clock.advance(2000)
  await until(async () => (await one.nodes.count()).connections === 7)
  t.same(await two.nodes.count(), { nodes: 2, connections: 4 })
  const three = await startNode()
  t.equal((await one.nodes.count()).nodes, 3)
  await endLease(two)
  t.equal((await one.nodes.count()).nodes, 2)
  await three.nodes.close()
  t.equal((await one.nodes.count()).nodes, 1)
})

t.test('nothing is written under the name of a node that is being buried', async (t) => {
  const { nodes, redis, prefix, endLease, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  const { name } = dead.nodes
  await endLease(dead)
  mayJudge(living)
  await buried(name)
  // It was paused, or its command was on its way for long: it does not know yet.
  await t.rejects(dead.presence.join([membership('a', 'ann')]), { code: 'store_unavailable' })
  await t.rejects(dead.presence.connect('ann-1', 'ann'), { code: 'store_unavailable' })
  t.same(await living.presence.counts(['a']), [{ users: 0, connections: 0 }])
  t.same(await living.presence.totals(), { users: 0, rooms: 0 })
  t.same(await keysUnder(name, redis, prefix), [])
  dead.clock.advance(2000)
  await until(() => dead.lost.length === 1)
  await dead.presence.join([membership('a', 'ann')])
  await dead.presence.connect('ann-1', 'ann')
  t.same(await living.presence.counts(['a']), [{ users: 1, connections: 1 }])
  t.same(await living.presence.connections(['ann']), [1])
})

t.test(
  'what was written under a name that the store forgot is removed, when it stands under the new one',
  async (t) => {
    const { nodes, redis, prefix, buried } = await cluster(t, 2)
    const [living, back] = nodes
    const { name } = back.nodes
    await redis.flushall()
    // Until it learns of it the node goes on as before.
    await back.presence.join([membership('a', 'ann', 'kept'), membership('a', 'gone', 'gone')])
    for (const node of nodes.slice(0, 2)) node.clock.advance(2000)
    await until(() => back.lost.length === 1 && living.lost.length === 1)
    t.same(back.lost, [{ departed: false }], 'nobody took it for dead')
    await back.presence.join([membership('a', 'ann', 'kept')])
    t.same(await living.presence.counts(['a']), [{ users: 2, connections: 3 }])
    // The time to write everything again.
    await redis.zadd(new Keys(prefix).dead, 1, name)
    mayJudge(living)
    await buried(name)
    t.same(departed(living, 'a'), ['gone'], 'who is there under the new name has not departed')
    t.same(await living.presence.counts(['a']), [{ users: 1, connections: 1 }])
  }
)

t.test('what a node wrote that died without its lease, which Redis had lost, is removed', async (t) => {
  const { nodes, redis, keys, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  const { name } = dead.nodes
  await redis.flushall()
  await dead.presence.join([membership('a', 'ann')])
  await dead.presence.connect('ann-1', 'ann')
  living.clock.advance(2000)
  await until(() => living.lost.length === 1)
  await keepJudging(living, () => until(async () => (await redis.zscore(keys.dead, name)) !== null))
  t.ok(Number(await redis.zscore(keys.dead, name)) > Date.now() + LEASE_MS / 2, 'it had the time to come back')
  t.same(await living.presence.counts(['a']), [{ users: 1, connections: 1 }])
  await redis.zadd(keys.dead, 1, name)
  living.clock.advance(2000)
  await buried(name)
  t.same(departed(living, 'a'), ['ann'])
  t.same(await living.presence.counts(['a']), [{ users: 0, connections: 0 }])
  t.same(await living.presence.connections(['ann']), [0])
  t.same(await redis.smembers(keys.holders(partitionOf('a'))), [], 'nothing is left to look for')
})

t.test('the name of a node that lives is not taken for forgotten', async (t) => {
  const { nodes, redis, keys } = await cluster(t, 2)
  const [living, other] = nodes
  await other.presence.join([membership('a', 'ann')])
  await living.presence.join([membership('a', 'bob')])
  await keepJudging(living, async () => {
    // Two searches later.
    for (let seconds = 0; seconds < 140; seconds++) {
      living.clock.advance(1000)
      await living.nodes.count()
    }
  })
  t.same(await redis.zrange(keys.dead, '0', '-1'), [])
})

t.test('a node that was taken for dead is told so', async (t) => {
  const { nodes, endLease, buried } = await cluster(t, 2)
  const [living, back] = nodes
  const { name } = back.nodes
  await endLease(back)
  mayJudge(living)
  await buried(name)
  back.clock.advance(2000)
  await until(() => back.lost.length === 1)
  t.same(back.lost, [{ departed: true }])
})

t.test('a new name is not used before it has its lease', async (t) => {
  const { nodes, redis, keys, endLease, buried } = await cluster(t, 2)
  const [living, back] = nodes
  const { name } = back.nodes
  await endLease(back)
  mayJudge(living)
  await buried(name)
  const take = back.lease.rcTakeLease
  back.lease.rcTakeLease = async () => Promise.reject(new Error('no answer'))
  back.clock.advance(2000)
  await until(() => back.errors.length === 1)
  t.equal(back.nodes.name, name)
  t.same(back.lost, [])
  back.lease.rcTakeLease = take
  back.clock.advance(2000)
  await until(() => back.lost.length === 1)
  t.ok(await redis.zscore(keys.leases, back.nodes.name))
})

t.test('who may have lost its own lease judges nobody', async (t) => {
  const { nodes, redis, keys, endLease } = await cluster(t, 2)
  const [paused, dead] = nodes
  await dead.presence.join([membership('a', 'ann')])
  await endLease(dead)
  // All that became due runs once, and before any answer comes.
  paused.clock.block(90_000)
  await paused.nodes.count()
  t.not(await redis.zscore(keys.leases, dead.nodes.name), null)
  t.same(paused.departures, [])
})

t.test('a question that waited on its way judges nobody: the others had no time to renew', async (t) => {
  const { nodes, redis, keys, endLease } = await cluster(t, 2)
  const [late, dead] = nodes
  await endLease(dead)
  const claim = late.commands.rcClaimDead.bind(late.commands)
  const asked: Array<Array<string | number>> = []
  late.commands.rcClaimDead = async (...args) => {
    asked.push(args as Array<string | number>)
    return await new Promise(() => {})
  }
  mayJudge(late)
  await until(() => asked.length === 1)
  const [question = []] = asked
  const latestMs = Number(question[7])
  t.ok(latestMs < late.nodes.nowMs + LEASE_MS / 2 + 1, 'it says until when it may be answered')
  t.equal((await claim(...question.slice(0, 7), Date.now() - 1, dead.nodes.nodeId))[1], undefined)
  t.not(await redis.zscore(keys.leases, dead.nodes.name), null)
  t.equal((await claim(...question))[1], dead.nodes.name)
})

t.test('when the clock of Redis was set forward nobody is judged before everybody could renew', async (t) => {
  const { nodes, redis, keys } = await cluster(t, 2)
  const [one, two] = nodes
  // Seen from the leases an hour has passed at once; the nodes' steady clocks know nothing of it.
  const hourAgo = one.lease.rcRenewLease.bind(one.lease)
  one.lease.rcRenewLease = async (...args) => {
    const [held, nowMs] = await hourAgo(...args)
    return [held, nowMs - 3_600_000]
  }
  await restartTime(one)
  await redis.zadd(keys.leases, Date.now() - 3_590_000, two.nodes.name)
  one.lease.rcRenewLease = hourAgo
  mayJudge(one)
  await one.nodes.count()
  t.not(await redis.zscore(keys.leases, two.nodes.name), null, 'its lease only seems to be over')
  two.clock.advance(2000)
  await until(async () => Number(await redis.zscore(keys.leases, two.nodes.name)) > Date.now())
  await keepJudging(one, () => one.nodes.count())
  t.same(two.lost, [])
  t.same(one.departures, [])
})

t.test('when the clock of Redis was set back a dead node is not alive for as long', async (t) => {
  const { nodes, redis, keys, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  const { name } = dead.nodes
  await dead.presence.join([membership('a', 'ann')])
  await redis.zadd(keys.leases, Date.now() + 3_600_000, name)
  mayJudge(living)
  await until(async () => Number(await redis.zscore(keys.leases, name)) < Date.now() + LEASE_MS + 1000)
  await redis.zincrby(keys.leases, -LEASE_MS - 1000, name)
  await keepJudging(living, () => buried(name))
  t.same(departed(living, 'a'), ['ann'])
})

t.test('a node whose connection for commands was cut judges nobody for a whole lease', async (t) => {
  const { nodes, redis, keys, endLease, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  await dead.presence.join([membership('a', 'ann')])
  living.clock.advance(LEASE_MS - 1000)
  // It may be cut with an error.
  const ready = new Promise((resolve) => living.commands.once('ready', resolve))
  await redis.call('CLIENT', 'KILL', 'ADDR', `127.0.0.1:${living.commands.stream.localPort}`)
  await ready
  await endLease(dead)
  living.clock.advance(1000)
  await living.nodes.count()
  t.not(await redis.zscore(keys.leases, dead.nodes.name), null)
  await keepJudging(living, () => buried(dead.nodes.name))
  t.same(departed(living, 'a'), ['ann'])
})

t.test('each step of a burial removes a page at most, and no step looks at what others have emptied', async (t) => {
  const { nodes, endLease, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  const userIds = Array.from({ length: 5000 }, (_, index) => `user-${index}`)
  await dead.presence.join(userIds.map((userId) => membership('hall', userId)))
  await Promise.all(userIds.map((userId) => dead.presence.connect(`${userId}-1`, 'same user')))
  const cursors: string[] = []
  const clear = living.commands.rcClearRoom.bind(living.commands)
  living.commands.rcClearRoom = async (...args) => {
    cursors.push(String(args.at(-1)))
    return await clear(...args)
  }
  const { name } = dead.nodes
  await endLease(dead)
  mayJudge(living)
  await buried(name)
  t.ok(living.departures.every(({ userIds }) => userIds.length <= 600))
  t.equal(cursors.filter((cursor) => cursor === '0').length, 1, 'each goes on where the last one ended')
  t.same(await living.presence.connections(['same user']), [0])
})

t.test('a small room that Redis hands out in one piece is removed, however many that are', async (t) => {
  const own = await startRedis(t, ['--hash-max-listpack-entries', '20000', '--hash-max-listpack-value', '1000'])
  const { nodes, endLease, buried } = await cluster(t, 2, own.url)
  const [living, dead] = nodes
  // More than Lua could unpack.
  const userIds = Array.from({ length: 9000 }, (_, index) => `user-${index}`)
  for (let start = 0; start < userIds.length; start += 1000)
    await dead.presence.join(userIds.slice(start, start + 1000).map((userId) => membership('hall', userId)))
  const { name } = dead.nodes
  await endLease(dead)
  mayJudge(living)
  await buried(name).catch(() => t.fail('the burial does not come to its end'))
  t.same(departed(living, 'hall').sort(), userIds.sort())
})

t.test('whoever is long at a burial says so, and no other begins it', async (t) => {
  const { nodes, redis, keys, endLease, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  await dead.presence.join(['a', 'b', 'c'].map((room) => membership(room, 'ann')))
  const { name } = dead.nodes
  const claims: number[] = []
  const clear = living.commands.rcClearRoom.bind(living.commands)
  living.commands.rcClearRoom = async (...args) => {
    claims.push(Number(await redis.zscore(keys.dead, name)))
    await redis.zadd(keys.dead, 1, name)
    living.clock.advance(2000)
    return await clear(...args)
  }
  await endLease(dead)
  mayJudge(living)
  await buried(name)
  t.ok(claims.length === 3 && claims.every((until) => until > Date.now() + 5000), String(claims))
})

t.test('a user who is counted no more has left before, and does not leave again', async (t) => {
  const { nodes, redis, keys, endLease, buried } = await cluster(t, 2)
  const [living, dead] = nodes
  await dead.presence.join([membership('a', 'ann', 'c1'), membership('a', 'ann', 'c2')])
  // As where Redis had to evict something.
  await redis.del(keys.users('a'), keys.roomConnections(partitionOf('a')))
  t.match(await dead.presence.leave([membership('a', 'ann', 'c1')]), [{ userChanged: false, users: 0, connections: 0 }])
  await endLease(dead)
  mayJudge(living)
  await buried(dead.nodes.name)
  t.same(departed(living, 'a'), [])
  t.same(await living.presence.counts(['a']), [{ users: 0, connections: 0 }])
})
