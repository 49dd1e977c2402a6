import fp from 'fastify-plugin'
import { Broadcasts } from '../src/broadcasts.js'

declare module 'fastify' {
  interface FastifyInstance {
    broadcasts: Broadcasts
  }
}

export default fp(
  async (fastify) => {
    const { counters, messageBus: channels, pool, store } = fastify
    const onDelivered = (count: number) => {
      counters.deliveries += count
    }
    const broadcasts = new Broadcasts({
      streams: store.streams,
      channels,
      pool,
      clock: fastify.clock,
      random: fastify.random,
      onDelivered
    })
    await broadcasts.start()
    fastify.decorate('broadcasts', broadcasts)
  },
  { name: 'broadcasts', dependencies: ['clock', 'random', 'message-bus', 'connections', 'counters'] }
)
