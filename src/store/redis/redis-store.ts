import type { Clock } from '../../clock.js'
import type { Random } from '../../random.js'
import type { Readiness, Store } from '../store.js'
import type { RedisConnections } from './connections.js'
import { Keys } from './keys.js'
import { OrderedScript } from './ordered-script.js'
import { RedisCursors } from './redis-cursors.js'
import { RedisGroups } from './redis-groups.js'
import { RedisIngestLog } from './redis-ingest-log.js'
import { RedisNodes } from './redis-nodes.js'
import { RedisPresence } from './redis-presence.js'
import { RedisPubSub } from './redis-pub-sub.js'
import { RedisRemovals } from './redis-removals.js'
import { RedisSessions } from './redis-sessions.js'
import { RedisStreams } from './redis-streams.js'
import { parseRedisUrl } from './redis-url.js'
import { RunWatch } from './run-watch.js'
import { publishScript } from './scripts.js'

export interface RedisStoreOptions {
  readonly connections: RedisConnections
  readonly url: string
  readonly prefix: string
  readonly clock: Clock
  readonly random?: Random
  /** After this time of disuse a device is forgotten. */
  readonly deviceTtlMs: number
  /** How long a session waits for its client. */
  readonly sessionTtlMs: number
  /** How long a removal of a user is remembered. */
  readonly removalTtlMs: number
  /** How long after a node's end its members still count. */
  readonly graceMs: number
  /** A task in the background that failed; it is tried again. */
  readonly onError: (error: unknown) => void
}

/** A renewal is due every 2 s; later than this something is wrong between here and Redis. */
const leaseAgeMsMax = 4000

/** The store that many nodes share. The connections stay their owner's to close. */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { connections, url, prefix, clock, random, deviceTtlMs, sessionTtlMs, removalTtlMs, graceMs, onError } = options
  const keys = new Keys(prefix)
  const publish = new OrderedScript(connections.commands, publishScript, 3)
  const run = await RunWatch.of(connections.commands, () => publish.load())
  const nodes = new RedisNodes({ connections, keys, clock, random, seenTtlMs: deviceTtlMs, graceMs, onError })
  let closed: Promise<void> | undefined

  return {
    description: `Redis, at ${parseRedisUrl(url).description} (prefix ${prefix})`,
    durable: 'redis',
    streams: new RedisStreams({ connections, keys, run, publish, random }),
    presence: new RedisPresence({
      redis: connections.commands,
      keys,
      node: () => nodes.name,
      now: () => nodes.nowMs,
      seenTtlMs: deviceTtlMs
    }),
    nodes,
    cursors: new RedisCursors(connections.commands, keys, deviceTtlMs, () => clock.now()),
    sessions: new RedisSessions({ redis: connections.commands, keys, nodes, ttlMs: sessionTtlMs }),
    groups: new RedisGroups(connections.commands, keys, () => clock.now()),
    removals: new RedisRemovals(connections.commands, keys, removalTtlMs),
    pubSub: new RedisPubSub(connections),
    ingest: new RedisIngestLog(connections, keys, random),
    readiness,
    close: () => {
      closed ??= nodes.close()
      return closed
    }
  }

  function readiness(): Readiness {
    if (closed !== undefined) return { ready: false, reason: 'store is closed' }
    const away = Object.entries(connections).find(([, connection]) => connection.status !== 'ready')
    if (away !== undefined || run.current === undefined) return { ready: false, reason: 'Redis is not connected' }
    return nodes.leaseAgeMs > leaseAgeMsMax ? { ready: false, reason: 'Redis does not answer' } : { ready: true }
  }
}
