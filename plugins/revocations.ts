import fp from 'fastify-plugin'
import { RevocationRegistry } from '../src/auth/revocation-registry.js'
import { RetryQueue } from '../src/presence/retry-queue.js'

declare module 'fastify' {
  interface FastifyInstance {
    revocations: RevocationRegistry
  }
}

export default fp(
  async (fastify) => {
    const { clock, control, counters, pool, rooms, store, reportFailure } = fastify
    const retries = new RetryQueue(clock, reportFailure)
    const revocations = new RevocationRegistry({
      revocations: store.revocations,
      clock,
      control,
      pool,
      rooms,
      retries,
      onRevoked: () => {
        counters.revokedConnections++
      }
    })
    fastify.decorate('revocations', revocations)
    fastify.addHook('onClose', async () => {
      revocations.close()
      retries.close()
    })
  },
  { name: 'revocations', dependencies: ['clock', 'control', 'rooms', 'connections', 'counters'] }
)
