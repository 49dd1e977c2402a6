import fastifyRedis from '@fastify/redis'
import fp from 'fastify-plugin'
import { connectRedis, type RedisConnection, type RedisConnections } from '../src/store/redis/connections.js'
import { watchEviction } from '../src/store/redis/eviction.js'
import { followMaster } from '../src/store/redis/sentinel-watch.js'

export interface RedisPluginOptions {
  /** Opens the connections to Redis: for simulations, which have one of their own. The real ones where none is given. */
  readonly openRedis?: (url: string) => Promise<RedisConnections>
}

/**
 * Puts `redis.commands`, `.subscriber`, `.lease` and `.ingest` on the app, where `REDIS_URL` is set: the only place that
 * opens connections to Redis. They may not be ready, as Redis may be away.
 */
export default fp<RedisPluginOptions>(
  async (fastify, { openRedis = connectRedis }) => {
    const { REDIS_URL: url } = fastify.config
    if (url === undefined) return
    const connections = await openRedis(url)
    for (const [namespace, client] of Object.entries(connections)) {
      await fastify.register(fastifyRedis, { client: asReady(client), namespace })
      fastify.redis[namespace] = client
    }
    const stopFollowing = followMaster(connections, url)
    watchEviction(connections.commands, (policy) => {
      fastify.log.warn({ policy }, 'Redis throws away what it has to keep: set its maxmemory-policy to noeviction')
    })
    fastify.addHook('onClose', async () => {
      stopFollowing()
      // It may be waiting for what comes next, and a goodbye would wait behind that.
      connections.ingest.disconnect()
      // A Redis that is away cannot say goodbye.
      await Promise.all(Object.values(connections).map((client) => client.quit().catch(() => client.disconnect())))
    })
  },
  { name: 'redis', dependencies: ['config'] }
)

/** The plugin holds the start up until its client is ready, and a node starts without its Redis. */
function asReady(client: RedisConnection): RedisConnection {
  return Object.create(client, { status: { value: 'ready' } })
}
