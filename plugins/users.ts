import fp from 'fastify-plugin'
import { UserRegistry } from '../src/users/user-registry.js'

declare module 'fastify' {
  interface FastifyInstance {
    users: UserRegistry
  }
}

export default fp(
  async (fastify) => {
    const { pool, store, reportFailure } = fastify
    fastify.decorate('users', new UserRegistry({ pool, presence: store.presence, onError: reportFailure }))
  },
  { name: 'users', dependencies: ['store', 'connections', 'counters'] }
)
