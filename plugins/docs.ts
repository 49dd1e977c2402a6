import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'

export default fp(
  async (fastify) => {
    await fastify.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Roomcast',
          description: 'Self-hosted real-time push server. The live protocol is a WebSocket at `/ws`.',
          version: '1'
        },
        components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
        ...(fastify.config.API_KEYS === undefined ? {} : { security: [{ apiKey: [] }] })
      }
    })
    await fastify.register(swaggerUi, { routePrefix: '/docs', uiHooks: { onRequest: fastify.checkHost } })
  },
  { name: 'docs', dependencies: ['auth'] }
)
