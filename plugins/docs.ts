import swagger from '@fastify/swagger'
import fp from 'fastify-plugin'

/** Collects the routes for the OpenAPI document; `routes/docs.ts` serves it. */
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
  },
  { name: 'docs', dependencies: ['config'] }
)
