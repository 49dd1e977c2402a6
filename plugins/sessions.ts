import fp from 'fastify-plugin'
import { SessionRegistry } from '../src/sessions/session-registry.js'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: SessionRegistry
  }
}

export default fp(
  async (fastify) => {
    const { messageBus: channels, rooms, store, users, reportFailure } = fastify
    const sessions = new SessionRegistry({
      sessions: store.sessions,
      removals: store.removals,
      streams: store.streams,
      channels,
      rooms,
      clock: fastify.clock,
      random: fastify.random,
      identify: (connection, userId) => users.identify(connection, userId),
      onError: reportFailure
    })
    await sessions.start()
    fastify.decorate('sessions', sessions)
    fastify.addHook('onClose', () => sessions.close())
  },
  { name: 'sessions', dependencies: ['clock', 'random', 'rooms', 'users', 'message-bus', 'counters'] }
)
