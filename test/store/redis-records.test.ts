import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { Keys } from '../../src/store/redis/keys.js'
import type { RedisNodes } from '../../src/store/redis/redis-nodes.js'
import { stampOf } from '../../src/store/revocation-entry.js'
import { PREVIOUS_TOKEN_MS } from '../../src/store/sessions.js'
import { startRedis } from '../support/redis-server.js'
import { until } from '../support/until.js'
import { testCursors } from './cursors-contract.js'
import { consistent, fresh, testGroups } from './groups-contract.js'
import { bystander, keysOf } from './redis-harness.js'
import { testRemovals } from './removals-contract.js'
import { testRevocations } from './revocations-contract.js'
import { testSessions } from './sessions-contract.js'
import { type CreateStore, storeOnRedis } from './store-under-test.js'

const server = await startRedis(t)
const createStore: CreateStore = (t, ttls) => storeOnRedis(t, server.url, ttls)

t.test('cursors', async (t) => testCursors(t, createStore))
t.test('sessions', async (t) => testSessions(t, createStore))
t.test('groups', async (t) => testGroups(t, createStore))
t.test('removals', async (t) => testRemovals(t, createStore))
t.test('revocations', async (t) => testRevocations(t, createStore))

const LEASE_MS = 8000
const TTL_MS = 60_000

async function twoNodes(t: Test) {
  const prefix = randomUUID()
  const keys = new Keys(prefix)
  const one = await storeOnRedis(t, server.url, {}, prefix)
  const two = await storeOnRedis(t, server.url, {}, prefix)
  const redis = await bystander(t, server.url)
  const ownerOf = one.store.sessions.owner
  const nodes = [one.store.nodes, two.store.nodes] as unknown as [RedisNodes, RedisNodes]
  const [{ name }, { nowMs }] = nodes
  const session = { userId: 'ann', generation: 1, tokenHash: 't1', rooms: {} }
  for (const sessionId of ['in time', 'late']) await one.store.sessions.save({ ...session, sessionId })
  const takeOf = (sessionId: string) =>
    two.store.sessions.take({ sessionId, userId: null, tokenHash: 't1', nextTokenHash: 't2' })
  /** Lets the second node come to a time that both agree on. */
  const passTo = (at: number) => two.clock.advance(at - nodes[1].nowMs)
  return { prefix, keys, one, two, redis, ownerOf, name, nowMs, takeOf, passTo }
}

t.test('a session whose node is alive waits for nothing', async (t) => {
  const { two, ownerOf, takeOf } = await twoNodes(t)
  // Nobody knows better: as long as the lease holds, the connection may.
  two.clock.advance(LEASE_MS)
  t.match(await takeOf('in time'), { session: { generation: 2 }, formerOwner: ownerOf })
})

t.test('the time of a session whose node has died counts from the end of its lease', async (t) => {
  const { keys, redis, ownerOf, name, takeOf, passTo } = await twoNodes(t)
  const endsAt = Number(await redis.zscore(keys.leases, name))
  passTo(endsAt + TTL_MS - 1)
  t.match(await takeOf('in time'), { session: { generation: 2 }, formerOwner: ownerOf })
  passTo(endsAt + TTL_MS)
  t.equal(await takeOf('late'), undefined)
})

t.test('it counts so, too, when the dead node was buried', async (t) => {
  const { keys, two, redis, ownerOf, name, nowMs, takeOf, passTo } = await twoNodes(t)
  const endedAt = nowMs - 20_000
  await redis.zadd(keys.leases, endedAt, name)
  // Past the time in which nobody is judged: the sweep of the second node finds it.
  await until(async () => {
    two.clock.advance(1000)
    return (await redis.zscore(keys.leases, name)) === null
  })
  passTo(endedAt + TTL_MS - 1)
  t.match(await takeOf('in time'), { session: { generation: 2 }, formerOwner: ownerOf })
  passTo(endedAt + TTL_MS)
  t.equal(await takeOf('late'), undefined)
})

t.test('a session that was released has its time from there, whatever its node does', async (t) => {
  const { one, keys, redis, takeOf, passTo } = await twoNodes(t)
  for (const sessionId of ['in time', 'late']) await one.store.sessions.release(sessionId, 1)
  const releasedAt = Number(await redis.hget(keys.session('late'), 'released'))
  await one.store.close()
  passTo(releasedAt + TTL_MS - 1)
  t.match(await takeOf('in time'), { session: { generation: 2 } })
  passTo(releasedAt + TTL_MS)
  t.equal(await takeOf('late'), undefined)
})

for (const hourMs of [3_600_000, -3_600_000]) {
  t.test(`a node whose wall clock is set by ${hourMs} ms keeps and ends sessions as the others do`, async (t) => {
    const { one, two, keys, redis, name, takeOf, passTo } = await twoNodes(t)
    for (const node of [one, two]) node.clock.jump(node === one ? -hourMs : hourMs)
    await one.store.sessions.release('in time', 1)
    const releasedAt = Number(await redis.hget(keys.session('in time'), 'released'))
    passTo(releasedAt + TTL_MS - 1)
    t.match(await takeOf('in time'), { session: { generation: 2 } }, 'one that was released')
    const endsAt = Number(await redis.zscore(keys.leases, name))
    passTo(endsAt + TTL_MS - 1)
    t.match(await takeOf('late'), { session: { generation: 2 } }, 'one whose node died')
  })

  t.test(`a node whose wall clock is set by ${hourMs} ms takes the token before as the others do`, async (t) => {
    const { one, two, takeOf } = await twoNodes(t)
    one.clock.jump(hourMs)
    const again = { userId: null, tokenHash: 't1', nextTokenHash: 't3' }
    for (const sessionId of ['in time', 'late']) await takeOf(sessionId)
    one.clock.advance(PREVIOUS_TOKEN_MS - 1000)
    t.match(await one.store.sessions.take({ ...again, sessionId: 'in time' }), { session: { generation: 3 } })
    two.clock.advance(PREVIOUS_TOKEN_MS + 1000)
    t.equal(await takeOf('late'), undefined)
  })
}

t.test('sessions, cursors and removals leave Redis by themselves', async (t) => {
  const prefix = randomUUID()
  const ttls = { deviceTtlMs: 300, sessionTtlMs: 300, removalTtlMs: 300 }
  const { store } = await storeOnRedis(t, server.url, ttls, prefix)
  const redis = await bystander(t, server.url)
  await store.sessions.save({ sessionId: 's', userId: 'ann', generation: 1, tokenHash: 't1', rooms: {} })
  await store.sessions.release('s', 1)
  await store.cursors.open({ userId: 'ann', deviceId: 'phone', channel: 'user:ann' }, { epoch: 'e1', offset: 1 })
  await store.removals.record('r1', 'ann', 'lobby')
  const left = async () => (await keysOf(redis, prefix)).filter((key) => !key.includes('{nodes}'))
  t.equal((await left()).length, 4)
  await until(async () => (await left()).length === 0)
})

t.test('what no node has written among the revocations holds up none of theirs', async (t) => {
  const { one, keys, redis, nowMs } = await twoNodes(t)
  const { revocations } = one.store
  await redis.zadd(keys.revocationOrder, 0, 'written by a stranger')
  const kept = { userId: 'ann', expiresAt: nowMs + TTL_MS }
  await revocations.record(kept)
  t.match((await revocations.list({ limit: 10 })).revocations, [kept])
})

t.test('a removal that was cut off leaves nothing that is shown, or that counts for ever', async (t) => {
  const prefix = randomUUID()
  const keys = new Keys(prefix)
  const { store, clock } = await storeOnRedis(t, server.url, {}, prefix)
  const { groups } = store
  const redis = await bystander(t, server.url)
  await groups.add('stays', 'ann', fresh(clock.now()), 2)
  await groups.add('cut off', 'ann', fresh(clock.now()), 2)
  await redis.hdel(keys.members('cut off'), 'ann')
  await redis.zrem(keys.memberNames('cut off'), 'ann')
  t.equal(await consistent(t, groups, 'cut off', 'ann'), undefined)
  t.equal(await groups.add('more', 'ann', fresh(clock.now()), 2), undefined, 'it may be an addition that is under way')
  clock.advance(60_001)
  t.ok(await groups.add('more', 'ann', fresh(clock.now()), 2))
  t.same(
    (await groups.groupsOf('ann')).map(({ group }) => group),
    ['more', 'stays']
  )
  t.equal(await groups.add('one more', 'ann', fresh(clock.now()), 2), undefined, 'who is in counts, however long')
})

t.test('who is added after a removal that was cut off is a member with one side on both', async (t) => {
  const prefix = randomUUID()
  const keys = new Keys(prefix)
  const { store, clock } = await storeOnRedis(t, server.url, {}, prefix)
  const { groups } = store
  const redis = await bystander(t, server.url)
  await groups.add('staff', 'ann', fresh(clock.now()), 1)
  await redis.hdel(keys.members('staff'), 'ann')
  await redis.zrem(keys.memberNames('staff'), 'ann')
  const second = fresh(clock.now())
  t.same(await groups.add('staff', 'ann', second, 1), second, 'a new membership, at once')
  clock.advance(60_001)
  t.equal(await groups.add('more', 'ann', fresh(clock.now()), 1), undefined)
  t.same(await consistent(t, groups, 'staff', 'ann'), second, 'clearing up takes only what is left over')
  t.same(await groups.remove('staff', 'ann'), second)
  t.ok(await groups.add('more', 'ann', fresh(clock.now()), 1))
})

t.test('a revocation that no node has written is none, and what is over is not kept', async (t) => {
  const prefix = randomUUID()
  const keys = new Keys(prefix)
  const { store, clock } = await storeOnRedis(t, server.url, {}, prefix)
  const redis = await bystander(t, server.url)
  const expiresAt = clock.now() + TTL_MS
  const [stamp, later] = [stampOf(expiresAt), stampOf(expiresAt + TTL_MS)]
  for (const place of [`${stamp}:`, `${stamp}:null`, `${stamp}:["ann",null,null,1]`, `${stamp}:[7]`]) {
    await redis.zadd(keys.revocationOrder, 0, place)
  }
  await store.revocations.record({ userId: 'ann', expiresAt })
  t.strictSame((await store.revocations.list({ limit: 10 })).revocations, [{ userId: 'ann', expiresAt }])
  clock.advance(TTL_MS)
  await store.revocations.record({ userId: 'bob', expiresAt: expiresAt + TTL_MS })
  t.strictSame(await redis.zrange(keys.revocationOrder, '0', '-1'), [`${later}:["bob",null,null]`])
})
