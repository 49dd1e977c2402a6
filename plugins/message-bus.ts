import fp from 'fastify-plugin'
import { ChannelRegistry } from '../src/channels/channel-registry.js'
import { systemClock } from '../src/clock.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The channels that this node hears. */
    messageBus: ChannelRegistry
  }
}

export default fp(
  async (fastify) => {
    const { counters, store, turn, reportFailure } = fastify
    const messageBus = new ChannelRegistry({
      streams: store.streams,
      turn,
      clock: systemClock,
      onDelivered: (count) => {
        counters.deliveries += count
      },
      onError: reportFailure
    })
    await messageBus.start()
    fastify.decorate('messageBus', messageBus)
    fastify.addHook('onClose', async () => messageBus.close())
  },
  { name: 'message-bus', dependencies: ['store', 'connections', 'counters'] }
)
