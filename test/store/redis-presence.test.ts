import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { Keys } from '../../src/store/redis/keys.js'
import { RedisPresence } from '../../src/store/redis/redis-presence.js'
import { startRedis } from '../support/redis-server.js'
import { listMembers, membership, testPresence } from './presence-contract.js'
import { bystander, connect, keysOf } from './redis-harness.js'

const server = await startRedis(t)

async function twoNodes(t: Test) {
  const prefix = randomUUID()
  const keys = new Keys(prefix)
  const { commands } = await connect(t, server.url)
  const { commands: others } = await connect(t, server.url)
  const options = { keys, now: Date.now, seenTtlMs: 60_000 }
  const one = new RedisPresence({ ...options, redis: commands, node: () => 'node-1.1' })
  const two = new RedisPresence({ ...options, redis: others, node: () => 'node-2.1' })
  return { one, two, prefix, redis: await bystander(t, server.url) }
}

testPresence(t, async (t) => ({ presence: (await twoNodes(t)).one, now: Date.now }))

t.test('a user with connections on two nodes comes once and leaves once', async (t) => {
  const { one, two } = await twoNodes(t)
  t.match(await one.join([membership('lobby', 'ann', 'c1')]), [{ userChanged: true, users: 1, connections: 1 }])
  t.match(await two.join([membership('lobby', 'ann', 'c2')]), [{ userChanged: false, users: 1, connections: 2 }])
  t.match(await two.join([membership('lobby', 'bob', 'c3')]), [{ userChanged: true, users: 2, connections: 3 }])
  for (const presence of [one, two]) {
    t.same(await presence.counts(['lobby']), [{ users: 2, connections: 3 }])
    const { members } = await presence.members('lobby', { limit: 10 })
    t.match(members, [
      { userId: 'ann', connections: 2 },
      { userId: 'bob', connections: 1 }
    ])
    t.same(await presence.rooms({ prefix: '', limit: 10 }), {
      rooms: [{ room: 'lobby', users: 2, connections: 3 }],
      nextCursor: undefined
    })
  }
  t.match(await one.leave([membership('lobby', 'ann', 'c1')]), [{ userChanged: false, users: 2, connections: 2 }])
  t.match(await two.leave([membership('lobby', 'ann', 'c2')]), [{ userChanged: true, users: 1, connections: 1 }])
})

t.test('a node takes out only what it has put in', async (t) => {
  const { one, two } = await twoNodes(t)
  await one.join([membership('lobby', 'ann', 'c1')])
  t.match(await two.leave([membership('lobby', 'ann', 'c1')]), [{ userChanged: false, users: 1, connections: 1 }])
  await one.connect('c1', 'ann')
  await two.disconnect('c1', 'ann')
  t.same(await two.connections(['ann']), [1])
})

t.test('connections of a user count over the nodes', async (t) => {
  const { one, two } = await twoNodes(t)
  await one.connect('c1', 'ann')
  await two.connect('c2', 'ann')
  await two.connect('c3', 'bob')
  for (const presence of [one, two]) {
    t.same(await presence.connections(['ann', 'bob']), [2, 1])
    t.same(await presence.totals(), { users: 2, rooms: 0 })
  }
  await one.disconnect('c1', 'ann')
  t.same(await two.connections(['ann']), [1])
})

t.test('joins and leaves that cross on two nodes leave right counts', async (t) => {
  const { one, two } = await twoNodes(t)
  const mine = Array.from({ length: 100 }, (_, index) => membership('lobby', `user-${index % 20}`, `one-${index}`))
  const others = Array.from({ length: 100 }, (_, index) => membership('lobby', `user-${index % 20}`, `two-${index}`))
  const joined = await Promise.all([one.join(mine), two.join(others)])
  t.equal(joined.flat().filter(({ userChanged }) => userChanged).length, 20)
  t.same(await one.counts(['lobby']), [{ users: 20, connections: 200 }])
  const left = await Promise.all([one.leave(mine), two.leave(others)])
  t.equal(left.flat().filter(({ userChanged }) => userChanged).length, 20)
  t.same(await two.counts(['lobby']), [{ users: 0, connections: 0 }])
})

t.test('nothing is left when all have gone', async (t) => {
  const { one, two, prefix, redis } = await twoNodes(t)
  const rooms = Array.from({ length: 30 }, (_, index) => `room-${index}`)
  const all = rooms.flatMap((room) => Array.from({ length: 20 }, (_, index) => membership(room, `user-${index}`)))
  await one.join(all)
  await two.join(all)
  for (const presence of [one, two])
    await Promise.all(all.map(({ connectionId, userId }) => presence.connect(connectionId, userId)))
  t.ok((await keysOf(redis, prefix)).length > 60)
  for (const presence of [one, two]) {
    await presence.leave(all)
    await Promise.all(all.map(({ connectionId, userId }) => presence.disconnect(connectionId, userId)))
  }
  // Names of nodes stay until these are buried.
  const left = (await keysOf(redis, prefix)).filter((key) => !key.endsWith(':holders'))
  t.same(
    left.filter((key) => !key.includes(':seen:')),
    []
  )
  for (const key of left) t.ok((await redis.pttl(key)) > 0, `${key} goes by itself`)
})

t.test('a node under a new name has nothing of what it had under the old one', async (t) => {
  const { prefix } = await twoNodes(t)
  const { commands } = await connect(t, server.url)
  let name = 'node-1.1'
  const presence = new RedisPresence({
    redis: commands,
    keys: new Keys(prefix),
    node: () => name,
    now: Date.now,
    seenTtlMs: 60_000
  })
  await presence.join([membership('lobby', 'ann')])
  name = 'node-1.2'
  t.match(await presence.leave([membership('lobby', 'ann')]), [{ userChanged: false, users: 1 }])
  t.match(await presence.join([membership('lobby', 'ann')]), [{ userChanged: false, users: 1, connections: 2 }])
})

t.test('very large rooms are listed whole', async (t) => {
  const { one } = await twoNodes(t)
  const userIds = Array.from({ length: 5000 }, (_, index) => `user-${index}`)
  await one.join(userIds.map((userId) => membership('hall', userId)))
  const listed = await listMembers(t, one, 'hall', 1000)
  t.equal(new Set(listed.map(({ userId }) => userId)).size, 5000)
})
