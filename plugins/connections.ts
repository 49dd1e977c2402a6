import fp from 'fastify-plugin'
import { ConnectionPool } from '../src/connections/connection-pool.js'
import { HandshakeBudget } from '../src/connections/handshake-budget.js'
import { Turn } from '../src/connections/turn.js'

declare module 'fastify' {
  interface FastifyInstance {
    pool: ConnectionPool
    turn: Turn
    handshakes: HandshakeBudget
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
    fastify.decorate(
      'handshakes',
      new HandshakeBudget({ perSecond: config.HANDSHAKES_PER_SECOND, clock: fastify.clock })
    )
  },
  { name: 'connections', dependencies: ['clock', 'config'] }
)
