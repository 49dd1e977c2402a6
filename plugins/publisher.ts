import fp from 'fastify-plugin'
import { Publisher } from '../src/channels/publisher.js'
import { NotAskedError } from '../src/errors.js'

declare module 'fastify' {
  interface FastifyInstance {
    publisher: Publisher
  }
}

export default fp(
  async (fastify) => {
    const { config, counters, store } = fastify
    const publisher = new Publisher({
      streams: store.streams,
      clock: fastify.clock,
      random: fastify.random,
      idempotencyMs: config.IDEMPOTENCY_TTL * 1000,
      onPublished: () => {
        counters.messages++
      },
      onRefused: (error) => {
        const { cause } = error as Error
        counters.refusedPublishes[cause instanceof NotAskedError ? 'notAsked' : 'unknown']++
      }
    })
    fastify.decorate('publisher', publisher)
  },
  { name: 'publisher', dependencies: ['clock', 'random', 'store', 'counters'] }
)
