import fp from 'fastify-plugin'
import { NotAskedError } from '../src/errors.js'
import { Counters } from '../src/stats/counters.js'

declare module 'fastify' {
  interface FastifyInstance {
    counters: Counters
    /** Logs and counts a failure that no client can be told of. */
    reportFailure: (error: unknown) => void
    /** Logs and counts that something in a channel of the store was written by no node. */
    reportMalformed: (channel: string) => void
  }
}

export default fp(
  async (fastify) => {
    const counters = new Counters()
    fastify.decorate('counters', counters)
    fastify.decorate('reportFailure', (error: unknown) => {
      counters.failures++
      // That the store is away was said once.
      if ((error as Error | undefined)?.cause instanceof NotAskedError) return
      fastify.log.error({ err: error }, 'a task in the background failed')
    })
    fastify.decorate('reportMalformed', (channel: string) => {
      counters.malformedRecords++
      fastify.log.warn({ channel }, 'a record that no node has written was passed over')
    })
  },
  { name: 'counters' }
)
