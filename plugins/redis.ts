import fp from 'fastify-plugin'
import { connectRedis, type RedisConnections } from '../src/store/redis/connections.js'
import { followMaster } from '../src/store/redis/sentinel-watch.js'

export interface RedisPluginOptions {
  /** Opens the connections to Redis: for simulations, which have one of their own. The real ones where none is given. */
  readonly openRedis?: (url: string) => Promise<RedisConnections>
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined without `REDIS_URL`. They may not be ready: Redis may be away. */
    redis: RedisConnections | undefined
  }
}

/** The only place that opens connections to Redis, where `REDIS_URL` is set. */
export default fp<RedisPluginOptions>(
  async (fastify, { openRedis = connectRedis }) => {
    const { REDIS_URL: url } = fastify.config
    const connections = url === undefined ? undefined : await openRedis(url)
    fastify.decorate('redis', connections)
    if (connections === undefined || url === undefined) return
    const stopFollowing = followMaster(connections, url)
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
