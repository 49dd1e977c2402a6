import fp from 'fastify-plugin'
import { Broadcasts } from '../src/broadcasts.js'
import { systemClock } from '../src/clock.js'

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
    const broadcasts = new Broadcasts({ streams: store.streams, channels, pool, clock: systemClock, onDelivered })
    await broadcasts.start()
    fastify.decorate('broadcasts', broadcasts)
  },
  { name: 'broadcasts', dependencies: ['message-bus', 'connections', 'counters'] }
)
