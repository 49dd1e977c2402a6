import fp from 'fastify-plugin'
import { Heartbeat } from '../src/connections/heartbeat.js'

declare module 'fastify' {
  interface FastifyInstance {
    heartbeat: Heartbeat
  }
}

export default fp(
  async (fastify) => {
    const { config, sessions } = fastify
    const heartbeat = new Heartbeat({
      intervalMs: config.HEARTBEAT_INTERVAL * 1000,
      timeoutMs: config.HEARTBEAT_TIMEOUT * 1000,
      clock: fastify.clock,
      onPing: (connection, serial) => sessions.onPing(connection, serial)
    })
    fastify.decorate('heartbeat', heartbeat)
    fastify.addHook('onClose', async () => heartbeat.close())
  },
  { name: 'heartbeat', dependencies: ['clock', 'config', 'sessions'] }
)
