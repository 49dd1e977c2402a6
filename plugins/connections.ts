import fp from 'fastify-plugin'
import { takesTokens } from '../src/config.js'
import { BufferBudget } from '../src/connections/buffer-budget.js'
import type { Connection } from '../src/connections/connection.js'
import { ConnectionPool } from '../src/connections/connection-pool.js'
import { HandshakeBudget } from '../src/connections/handshake-budget.js'
import { Limiter } from '../src/connections/limiter.js'
import { Turn } from '../src/connections/turn.js'

declare module 'fastify' {
  interface FastifyInstance {
    pool: ConnectionPool
    turn: Turn
    handshakes: HandshakeBudget
    limiter: Limiter
    buffers: BufferBudget<Connection>
  }
}

/** A message may go to so many, on average. */
const DELIVERIES_PER_MESSAGE = 1000
/** As so many connections a user may do with all of theirs. */
const USER_FACTOR = 10

export default fp(
  async (fastify) => {
    const { config } = fastify
    const limiter = new Limiter({
      rates: {
        messages: config.RATE_LIMIT_PER_SECOND,
        messageBurst: config.RATE_LIMIT_BURST,
        bytes: config.RATE_LIMIT_BYTES_PER_SECOND,
        deliveries: config.RATE_LIMIT_DELIVERIES_PER_SECOND ?? config.RATE_LIMIT_PER_SECOND * DELIVERIES_PER_MESSAGE
      },
      // A name that anybody may use is not counted by: strangers would use up what its user may do.
      userFactor: config.RATE_LIMIT_USER_FACTOR ?? (takesTokens(config) ? USER_FACTOR : 0),
      addressFactor: config.RATE_LIMIT_IP_FACTOR,
      // Without Redis there is no other node.
      tellsUsers: config.REDIS_URL !== undefined,
      clock: fastify.clock
    })
    const limits = {
      connectionsMax: config.MAX_CONNECTIONS,
      perAddressMax: config.MAX_CONNECTIONS_PER_IP,
      perUserMax: config.MAX_CONNECTIONS_PER_USER
    }
    const pool = new ConnectionPool(limits, limiter)
    fastify.decorate('limiter', limiter)
    const buffers = new BufferBudget<Connection>({ bytesMax: config.MAX_BUFFERED_BYTES, clock: fastify.clock })
    fastify.decorate('buffers', buffers)
    fastify.addHook('onClose', async () => buffers.close())
    fastify.decorate('pool', pool)
    fastify.decorate('turn', new Turn())
    fastify.decorate(
      'handshakes',
      new HandshakeBudget({ perSecond: config.HANDSHAKES_PER_SECOND, clock: fastify.clock })
    )
  },
  { name: 'connections', dependencies: ['clock', 'config'] }
)
