import fastifyWebsocket, { type WebsocketPluginOptions } from '@fastify/websocket'
import fp from 'fastify-plugin'
import { deflateOptions } from '../src/connections/deflate-offers.js'
import { frameBytesMax, limitedWebSocket, NDJSON, selectSubprotocol } from '../src/connections/socket-transport.js'
import { Live } from '../src/live.js'

declare module 'fastify' {
  interface FastifyInstance {
    live: Live
  }
}

/** The plugin sees ws through its CommonJS types, we through its ESM ones: the class is the same. */
type SocketClass = NonNullable<NonNullable<WebsocketPluginOptions['options']>['WebSocket']>

/** A peer that does not finish the closing handshake in this time is cut (protocol.md 2.3). */
const CLOSE_TIMEOUT_MS = 10_000
/** How long the end of the server waits for its peers. */
const SHUTDOWN_TIMEOUT_MS = 3000

export default fp(
  async (fastify) => {
    const { authenticator, config, feeds, groups, handshakes, heartbeat, inbox, pool, rooms, sessions, turn, users } =
      fastify
    const live = new Live({
      authenticator,
      rooms,
      users,
      inbox,
      groups,
      sessions,
      feeds,
      pool,
      handshakes,
      limiter: fastify.limiter,
      buffers: fastify.buffers,
      heartbeat,
      turn,
      clock: fastify.clock,
      random: fastify.random,
      limits: {
        slowConsumerBytes: config.SLOW_CONSUMER_BYTES,
        rates: fastify.limiter.rates
      },
      messageBytesMax: config.MAX_MESSAGE_BYTES,
      heartbeatIntervalMs: config.HEARTBEAT_INTERVAL * 1000,
      // Without Redis there is no other node to go to.
      drainMs: config.REDIS_URL === undefined ? 0 : config.DRAIN_SECONDS * 1000,
      report: fastify.reportFailure
    })
    fastify.decorate('live', live)
    // What is added last comes first: before Fastify itself begins to close, and without the limit that it sets to
    // `preClose`, so that requests are served as ever while the clients leave.
    fastify.addHook('onReady', async () => {
      fastify.addHook('onClose', () => live.drain())
    })
    const options = {
      WebSocket: limitedWebSocket(config.MAX_MESSAGE_BYTES) as unknown as SocketClass,
      maxPayload: frameBytesMax(NDJSON, config.MAX_MESSAGE_BYTES),
      perMessageDeflate: config.COMPRESSION && deflateOptions,
      handleProtocols: selectSubprotocol,
      closeTimeout: CLOSE_TIMEOUT_MS
    }
    await fastify.register(fastifyWebsocket, {
      options,
      // ws closes a socket that has an error by itself, with the code that says why; the `close` event follows.
      errorHandler: () => {},
      preClose: async () => {
        await live.close(SHUTDOWN_TIMEOUT_MS)
        for (const client of fastify.websocketServer.clients) client.terminate()
        fastify.websocketServer.close()
      }
    })
  },
  {
    name: 'websocket',
    dependencies: [
      'clock',
      'random',
      'authenticator',
      'rooms',
      'users',
      'inbox',
      'groups',
      'sessions',
      'heartbeat',
      'connections',
      'counters'
    ]
  }
)
