import fp from 'fastify-plugin'
import { ConnectionPool } from '../src/connections/connection-pool.js'
import { Turn } from '../src/connections/turn.js'

declare module 'fastify' {
  interface FastifyInstance {
    pool: ConnectionPool
    turn: Turn
  }
}

export default fp(
  async (fastify) => {
    const { config } = fastify
    const pool = new ConnectionPool({
      connectionsMax: config.MAX_CONNECTIONS,
      perAddressMax: config.MAX_CONNECTIONS_PER_IP,
      perUserMax: config.MAX_CONNECTIONS_PER_USER
    })
    fastify.decorate('pool', pool)
    fastify.decorate('turn', new Turn())
  },
  { name: 'connections', dependencies: ['config'] }
)
