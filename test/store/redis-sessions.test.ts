import t from 'tap'
import type { RedisConnection } from '../../src/store/redis/connections.js'
import { Keys } from '../../src/store/redis/keys.js'
import type { RedisNodes } from '../../src/store/redis/redis-nodes.js'
import { RedisSessions } from '../../src/store/redis/redis-sessions.js'

const TTL_MS = 60_000
const handedOver = [2, 'ann', '{}', 'node-a/1', '', '']

/** Sessions over a Redis that answers `replies` one after the other, and a lease that ended so long ago. */
function setUp({ replies, endedMs }: { replies: unknown[]; endedMs: number | undefined }) {
  const asked: string[] = []
  const redis = {
    rcTakeSession: async (...given: unknown[]) => {
      asked.push(`take, in time: ${given.at(-1)}`)
      return replies.shift()
    }
  } as unknown as RedisConnection
  const nodes = {
    name: 'node-b/1',
    nowMs: 1_000_000,
    endOfLease: async (name: string) => {
      asked.push(`the lease of ${name}`)
      return endedMs === undefined ? undefined : 1_000_000 - endedMs
    }
  } as unknown as RedisNodes
  const sessions = new RedisSessions({ redis, keys: new Keys('p'), nodes, ttlMs: TTL_MS })
  const take = () => sessions.take({ sessionId: 's', userId: null, tokenHash: 't1', nextTokenHash: 't2' })
  return { asked, take }
}

t.test('a session that knows its own time is taken in one step', async (t) => {
  const { asked, take } = setUp({ replies: [handedOver], endedMs: undefined })
  t.match(await take(), { session: { userId: 'ann', generation: 2, tokenHash: 't2' } })
  t.strictSame(asked, ['take, in time: '])
})

t.test('one that nobody has released is taken where the lease of its owner says that it is in time', async (t) => {
  const { asked, take } = setUp({ replies: [['node-a/1'], handedOver], endedMs: TTL_MS - 1 })
  t.match(await take(), { session: { generation: 2 } })
  t.strictSame(asked, ['take, in time: ', 'the lease of node-a/1', 'take, in time: node-a/1'])
  const late = setUp({ replies: [['node-a/1'], handedOver], endedMs: TTL_MS })
  t.equal(await late.take(), undefined)
  t.equal(late.asked.length, 2)
})
