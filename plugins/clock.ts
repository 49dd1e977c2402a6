import fp from 'fastify-plugin'
import { type Clock, systemClock } from '../src/clock.js'

declare module 'fastify' {
  interface FastifyInstance {
    clock: Clock
  }
}

export interface ClockPluginOptions {
  /** Time as the server is to see it: for tests, which move it by hand. The system's where none is given. */
  readonly clock?: Clock
}

export default fp<ClockPluginOptions>(
  async (fastify, { clock = systemClock }) => {
    fastify.decorate('clock', clock)
  },
  { name: 'clock' }
)
