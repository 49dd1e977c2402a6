import fp from 'fastify-plugin'
import { UserRegistry } from '../src/users/user-registry.js'

declare module 'fastify' {
  interface FastifyInstance {
    users: UserRegistry
  }
}

export default fp(
  async (fastify) => {
    const { config, inbox, memberFeeds, pool, store, reportFailure } = fastify
    const users = new UserRegistry({
      pool,
      presence: store.presence,
      removals: store.removals,
      clock: fastify.clock,
      // Without Redis there is no other node.
      connectionsMax: config.REDIS_URL === undefined ? 0 : config.MAX_CONNECTIONS_PER_USER,
      onIdentified: (connection) => {
        inbox.attach(connection)
        memberFeeds.attach(connection)
      },
      onError: reportFailure
    })
    fastify.decorate('users', users)
    fastify.addHook('onClose', async () => users.close())
  },
  { name: 'users', dependencies: ['clock', 'store', 'inbox', 'groups', 'connections', 'counters'] }
)
