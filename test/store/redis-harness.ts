import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { systemClock } from '../../src/clock.js'
import { connectRedis, type RedisConnections } from '../../src/store/redis/connections.js'
import { Keys } from '../../src/store/redis/keys.js'
import { OrderedScript } from '../../src/store/redis/ordered-script.js'
import { RedisStreams } from '../../src/store/redis/redis-streams.js'
import { RunWatch } from '../../src/store/redis/run-watch.js'
import { publishScript } from '../../src/store/redis/stream-scripts.js'
import type { Scope } from '../support/scope.js'
import { Hearing } from './hearing.js'
import type { StreamsUnderTest } from './streams-contract.js'

/** The connections of one node; closed with the test. */
export async function connect(t: Test, url: string): Promise<RedisConnections> {
  const connections = await connectRedis(url)
  t.teardown(() => {
    for (const connection of Object.values(connections)) connection.disconnect()
  })
  return connections
}

/** A bare connection, to look behind the store and to disturb it: as the default user, who may do everything. */
export async function bystander(t: Scope, url: string): Promise<Redis> {
  const redis = new Redis({ port: Number(new URL(url).port), host: '127.0.0.1', lazyConnect: true })
  t.teardown(() => redis.disconnect())
  // Some tests end the server under it.
  redis.on('error', () => {})
  await redis.connect()
  return redis
}

export interface RedisNodeUnderTest extends StreamsUnderTest {
  readonly streams: RedisStreams
  readonly heard: Hearing
  readonly connections: RedisConnections
  readonly keys: Keys
  /** How often it heard everything again after a reconnect. */
  readonly resubscribed: { count: number }
}

/** Streams of one node, not yet started, under a prefix of their own unless one is given. */
export async function redisStreams(t: Test, url: string, prefix: string = randomUUID()): Promise<RedisNodeUnderTest> {
  const connections = await connect(t, url)
  const keys = new Keys(prefix)
  const publish = new OrderedScript(connections.commands, publishScript)
  const run = await RunWatch.of({
    connection: connections.commands,
    clock: systemClock,
    prepare: () => publish.load()
  })
  const streams = new RedisStreams({ connections, keys, run, publish })
  // As the recovery does.
  const resubscribed = { count: 0 }
  const onResubscribed = () => {
    resubscribed.count++
  }
  connections.subscriber.on('ready', () => void streams.resubscribe().then(onResubscribed, () => {}))
  return {
    resubscribed,
    streams,
    heard: new Hearing(),
    connections,
    keys,
    now: () => Date.now(),
    pass: async (ms) => {
      await sleep(ms)
    }
  }
}

/** Streams of one node that hear. */
export async function startedStreams(t: Test, url: string, prefix?: string): Promise<RedisNodeUnderTest> {
  const node = await redisStreams(t, url, prefix)
  await node.streams.start(node.heard)
  return node
}

/** Every key of the prefix. */
export async function keysOf(redis: Redis, prefix: string): Promise<string[]> {
  const found = new Set<string>()
  let cursor = '0'
  do {
    const [next, keys] = await redis.scan(cursor, 'COUNT', 1000)
    for (const key of keys) if (key.startsWith(`${prefix}:`)) found.add(key)
    cursor = next
  } while (cursor !== '0')
  return [...found].sort()
}
