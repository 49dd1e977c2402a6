import fp from 'fastify-plugin'
import { RetryQueue } from '../src/presence/retry-queue.js'
import { RemovalRegistry } from '../src/users/removal-registry.js'

declare module 'fastify' {
  interface FastifyInstance {
    removals: RemovalRegistry
  }
}

export default fp(
  async (fastify) => {
    const { clock, random, control, pool, rooms, sessions, store, reportFailure } = fastify
    const { removals, presence } = store
    const retries = new RetryQueue(clock, reportFailure)
    fastify.addHook('onClose', async () => retries.close())
    fastify.decorate(
      'removals',
      new RemovalRegistry({ removals, presence, clock, random, control, pool, rooms, sessions, retries })
    )
  },
  { name: 'removals', dependencies: ['clock', 'random', 'control', 'rooms', 'sessions', 'connections', 'counters'] }
)
