import fastifyRedis from '@fastify/redis'
import fp from 'fastify-plugin'
import { connectRedis, type RedisConnections } from '../src/store/redis/connections.js'

/** Puts `redis.commands`, `redis.subscriber` and `redis.lease` on the app, where `REDIS_URL` is set. */
export default fp(
  async (fastify) => {
    const { REDIS_URL: url } = fastify.config
    if (url === undefined) return
    const connections: RedisConnections = await connectRedis(url)
    for (const [namespace, client] of Object.entries(connections)) {
      await fastify.register(fastifyRedis, { client, namespace })
    }
    fastify.addHook('onClose', async () => {
      // A Redis that is away cannot say goodbye.
      await Promise.all(Object.values(connections).map((client) => client.quit().catch(() => client.disconnect())))
    })
  },
  { name: 'redis', dependencies: ['config'] }
)
