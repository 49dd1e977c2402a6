import fp from 'fastify-plugin'
import { UsageExchange } from '../src/usage-exchange.js'

/** One node has nobody to tell, and without a limit of users there is nothing to tell. */
export default fp(
  async (fastify) => {
    const { clock, config, limiter, messageBus: channels, store } = fastify
    if (config.REDIS_URL === undefined || limiter.users === undefined) return
    const exchange = new UsageExchange({ streams: store.streams, channels, limiter, clock, nodes: store.nodes })
    await exchange.start()
    fastify.addHook('onClose', async () => exchange.close())
  },
  { name: 'usage-exchange', dependencies: ['clock', 'message-bus', 'connections'] }
)
