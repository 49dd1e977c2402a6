import fp from 'fastify-plugin'
import { systemClock } from '../src/clock.js'
import { UserRegistry } from '../src/users/user-registry.js'

declare module 'fastify' {
  interface FastifyInstance {
    users: UserRegistry
  }
}

export default fp(
  async (fastify) => {
    const { inbox, pool, store, reportFailure } = fastify
    const users = new UserRegistry({
      pool,
      presence: store.presence,
      clock: systemClock,
      onIdentified: (connection) => inbox.attach(connection),
      onError: reportFailure
    })
    fastify.decorate('users', users)
    fastify.addHook('onClose', async () => users.close())
  },
  { name: 'users', dependencies: ['store', 'inbox', 'connections', 'counters'] }
)
