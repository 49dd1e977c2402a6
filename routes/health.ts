import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Health } from '../src/http/schemas.js'

/** For load balancers and supervisors. Neither asks the store: both tell what is known. */
const health: FastifyPluginAsyncTypebox = async (fastify) => {
  const { live, recovery } = fastify
  const options = {
    config: { scope: 'public', whileClosing: true },
    schema: { response: { 200: Health, 503: Health } }
  } as const

  fastify.get('/health/live', options, async () => ({ status: 'ok' }))
  fastify.get('/health/ready', options, async (_request, reply) => {
    if (live.draining) return reply.code(503).send({ status: 'unavailable', reason: 'draining' })
    const readiness = recovery.readiness()
    if (readiness.ready) return { status: 'ok' }
    return reply.code(503).send({ status: 'unavailable', reason: readiness.reason })
  })
}

export default health
