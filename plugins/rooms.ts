import fp from 'fastify-plugin'
import { FanOutBudget } from '../src/channels/fan-out-budget.js'
import { RoomRegistry } from '../src/rooms/room-registry.js'

declare module 'fastify' {
  interface FastifyInstance {
    rooms: RoomRegistry
  }
}

export default fp(
  async (fastify) => {
    const { config, store, messageBus, publisher, roomFamilies, reportFailure } = fastify
    const rooms = new RoomRegistry({
      streams: store.streams,
      presence: store.presence,
      removals: store.removals,
      control: fastify.control,
      channels: messageBus,
      publisher,
      fanOuts: new FanOutBudget(fastify.limiter, messageBus),
      clock: fastify.clock,
      families: roomFamilies,
      roomsPerConnectionMax: config.MAX_ROOMS_PER_CONNECTION,
      graceMs: config.PRESENCE_GRACE * 1000,
      presenceEventsMax: config.PRESENCE_EVENTS_MAX,
      onError: reportFailure
    })
    fastify.decorate('rooms', rooms)
    fastify.addHook('onClose', () => rooms.settled())
  },
  {
    name: 'rooms',
    dependencies: ['clock', 'control', 'message-bus', 'publisher', 'room-families', 'connections', 'counters']
  }
)
