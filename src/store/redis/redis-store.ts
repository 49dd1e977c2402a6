import type { Clock } from '../../clock.js'
import { type Random, systemRandom } from '../../random.js'
import type { Readiness, Store } from '../store.js'
import type { RedisConnections } from './connections.js'
import { DeafProbe } from './deaf-probe.js'
import { Keys } from './keys.js'
import { OrderedScript } from './ordered-script.js'
import { RedisCursors } from './redis-cursors.js'
import { RedisGroups } from './redis-groups.js'
import { RedisIngestLog } from './redis-ingest-log.js'
import { RedisLink } from './redis-link.js'
import { RedisNodes } from './redis-nodes.js'
import { RedisPresence } from './redis-presence.js'
import { RedisPubSub } from './redis-pub-sub.js'
import { RedisRemovals } from './redis-removals.js'
import { RedisRevocations } from './redis-revocations.js'
import { RedisSessions } from './redis-sessions.js'
import { RedisStreams } from './redis-streams.js'
import { parseRedisUrl } from './redis-url.js'
import { RunWatch } from './run-watch.js'
import { publishScript } from './stream-scripts.js'

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
  /** A subscription that heard nothing was found, and is being made anew. */
  readonly onDeaf: () => void
  /** A task in the background that failed; it is tried again. */
  readonly onError: (error: unknown) => void
}

/** A renewal is due every 2 s; later than this something is wrong between here and Redis. */
const leaseAgeMsMax = 4000

/** The store that many nodes share. The connections stay their owner's to close; they need not be ready yet. */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const {
    url,
    prefix,
    clock,
    random = systemRandom,
    deviceTtlMs,
    sessionTtlMs,
    removalTtlMs,
    graceMs,
    onDeaf,
    onError
  } = options
  const keys = new Keys(prefix)
  const nodeId = random.uuid()
  const link = new RedisLink({ connections: options.connections, keys, clock, nodeId })
  const connections = link.guarded
  const { commands } = connections
  const publish = new OrderedScript(commands, publishScript)
  const onKnown = () => link.judge()
  const run = await RunWatch.of({ connection: commands, clock, prepare: () => publish.load(), onKnown })
  const nodes = new RedisNodes({ nodeId, connections, keys, clock, seenTtlMs: deviceTtlMs, graceMs, onError })
  const probe = new DeafProbe({ connections, topic: keys.probe(nodeId), clock, onDeaf })
  let closed: Promise<void> | undefined

  return {
    description: `Redis, at ${parseRedisUrl(url).description} (prefix ${prefix})`,
    durable: 'redis',
    streams: new RedisStreams({ connections, keys, run, publish, random }),
    presence: new RedisPresence({
      redis: commands,
      keys,
      node: () => nodes.name,
      now: () => nodes.nowMs,
      seenTtlMs: deviceTtlMs
    }),
    nodes,
    cursors: new RedisCursors(commands, keys, deviceTtlMs, () => clock.now()),
    sessions: new RedisSessions({ redis: commands, keys, nodes, ttlMs: sessionTtlMs }),
    groups: new RedisGroups(commands, keys, () => clock.now()),
    removals: new RedisRemovals(commands, keys, removalTtlMs),
    revocations: new RedisRevocations(commands, keys, () => clock.now()),
    pubSub: new RedisPubSub(connections),
    ingest: new RedisIngestLog(connections, keys, random),
    readiness,
    start: (listener) => link.start(listener, () => (run.current === undefined ? 'Redis is not connected' : undefined)),
    close: () => {
      closed ??= close()
      return closed
    }
  }

  function readiness(): Readiness {
    if (closed !== undefined) return { ready: false, reason: 'store is closed' }
    const { readiness } = link
    if (!readiness.ready) return readiness
    return nodes.leaseAgeMs > leaseAgeMsMax ? { ready: false, reason: 'Redis does not answer' } : { ready: true }
  }

  async function close(): Promise<void> {
    probe.close()
    await nodes.close()
    link.close()
  }
}
