import fp from 'fastify-plugin'
import { connectRedis, type RedisConnections } from '../src/store/redis/connections.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined without `REDIS_URL`. They may not be ready: Redis may be away. */
    redis: RedisConnections | undefined
  }
}

/** The only place that opens connections to Redis, where `REDIS_URL` is set. */
export default fp(
  async (fastify) => {
    const { REDIS_URL: url } = fastify.config
    const connections = url === undefined ? undefined : await connectRedis(url)
    fastify.decorate('redis', connections)
    if (connections === undefined) return
    fastify.addHook('onClose', async () => {
      // It may be waiting for what comes next, and a goodbye would wait behind that.
      connections.ingest.disconnect()
      // A Redis that is away cannot say goodbye.
      await Promise.all(Object.values(connections).map((client) => client.quit().catch(() => client.disconnect())))
    })
  },
  { name: 'redis', dependencies: ['config'] }
)
