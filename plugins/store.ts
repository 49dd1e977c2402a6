import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { soundStreams } from '../src/channels/sound-streams.js'
import { countReads } from '../src/store/counted-reads.js'
import { openEmbeddedStore } from '../src/store/embedded/embedded-store.js'
import type { RedisConnections } from '../src/store/redis/connections.js'
import { openRedisStore } from '../src/store/redis/redis-store.js'
import type { Store } from '../src/store/store.js'

declare module 'fastify' {
  interface FastifyInstance {
    store: Store
  }
}

/** The only place that knows both stores. */
export default fp(
  async (fastify) => {
    const { counters } = fastify
    const store = await openStore(fastify)
    const counted = countReads(store.streams, () => {
      counters.historyReads++
    })
    const streams = soundStreams(counted, fastify.reportMalformed)
    fastify.decorate('store', { ...store, streams })
    fastify.addHook('onClose', () => store.close())
  },
  { name: 'store', dependencies: ['clock', 'random', 'config', 'redis', 'counters'] }
)

/** Longer than any session from before a removal can come back. */
const REMOVAL_MARGIN_MS = 3_600_000

async function openStore(fastify: FastifyInstance): Promise<Store> {
  const { REDIS_URL: url, REDIS_PREFIX: prefix, DATA_DIR: dataDir, INBOX_TTL, SESSION_TTL } = fastify.config
  const options = {
    clock: fastify.clock,
    random: fastify.random,
    deviceTtlMs: INBOX_TTL * 1000,
    sessionTtlMs: SESSION_TTL * 1000,
    removalTtlMs: SESSION_TTL * 1000 + REMOVAL_MARGIN_MS,
    onError: fastify.reportFailure
  }
  if (url === undefined) return openEmbeddedStore({ dataDir, ...options })
  // The namespaces that plugins/redis.ts registered are these.
  const connections = fastify.redis as unknown as RedisConnections
  const onDeaf = () => {
    fastify.counters.deafSubscriptions++
    fastify.log.warn('the subscription heard nothing and is made anew')
  }
  const graceMs = fastify.config.PRESENCE_GRACE * 1000
  return await openRedisStore({ connections, url, prefix, graceMs, onDeaf, ...options })
}
