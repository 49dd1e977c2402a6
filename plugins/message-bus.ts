import fp from 'fastify-plugin'
import { ChannelRegistry } from '../src/channels/channel-registry.js'

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
      clock: fastify.clock,
      onDelivered: (count) => {
        counters.deliveries += count
      },
      onSignalsDropped: (count) => {
        counters.droppedSignals += count
      },
      onRepair: () => {
        counters.repairs++
      },
      onLoss: (loss) => {
        counters.losses[loss]++
      },
      onMalformed: fastify.reportMalformed,
      beforeReset: () => fastify.recovery.holdingsKept(),
      onError: reportFailure
    })
    await messageBus.start()
    fastify.decorate('messageBus', messageBus)
    fastify.addHook('onClose', async () => messageBus.close())
  },
  { name: 'message-bus', dependencies: ['clock', 'store', 'connections', 'counters'] }
)
