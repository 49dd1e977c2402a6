import fp from 'fastify-plugin'
import { systemClock } from '../src/clock.js'
import { ConnectionPool } from '../src/connections/connection-pool.js'
import { Heartbeat } from '../src/connections/heartbeat.js'
import { Turn } from '../src/connections/turn.js'

declare module 'fastify' {
  interface FastifyInstance {
    pool: ConnectionPool
    heartbeat: Heartbeat
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
    const heartbeat = new Heartbeat({
      intervalMs: config.HEARTBEAT_INTERVAL * 1000,
      timeoutMs: config.HEARTBEAT_TIMEOUT * 1000,
      clock: systemClock
    })
    fastify.decorate('pool', pool)
    fastify.decorate('heartbeat', heartbeat)
    fastify.decorate('turn', new Turn())
    fastify.addHook('onClose', async () => heartbeat.close())
  },
  { name: 'connections', dependencies: ['config'] }
)
