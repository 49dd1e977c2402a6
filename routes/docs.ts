import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'

/** The OpenAPI page and its document, under the same checks as everything else; no key is asked for. */
const docs: FastifyPluginAsync = async (fastify) => {
  fastify.addHook('onRoute', (route) => {
    route.config = { ...route.config, scope: 'public' }
  })
  await fastify.register(swaggerUi, { routePrefix: '/docs' })
}

export default docs
