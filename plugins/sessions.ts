import fp from 'fastify-plugin'
import { SessionRegistry } from '../src/sessions/session-registry.js'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: SessionRegistry
  }
}

export default fp(
  async (fastify) => {
    const { messageBus: channels, revocations, rooms, store, users, reportFailure } = fastify
    const sessions = new SessionRegistry({
      sessions: store.sessions,
      removals: store.removals,
      streams: store.streams,
      channels,
      rooms,
      clock: fastify.clock,
      random: fastify.random,
      identify: (connection, { userId, removalId }) => users.identify(connection, userId, { removalId }),
      isRevoked: ({ userId, token }) =>
        token !== undefined && revocations.isRevoked({ userId, tokenId: token.id, issuedAt: token.issuedAt }),
      onError: reportFailure
    })
    await sessions.start()
    fastify.decorate('sessions', sessions)
    fastify.addHook('onClose', async () => sessions.close())
  },
  { name: 'sessions', dependencies: ['clock', 'random', 'rooms', 'users', 'revocations', 'message-bus', 'counters'] }
)
