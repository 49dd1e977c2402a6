import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { ConfigPluginOptions } from '../plugins/config.js'
import { RoomcastError } from './errors.js'
import { sendError } from './http/error-response.js'
import { validatorCompiler } from './http/validator-compiler.js'

export interface RoomcastOptions extends ConfigPluginOptions {
  /** Put before the path of every route. */
  readonly prefix?: string
}

const folder = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))

/**
 * The whole server as one Fastify plugin: the decorators of `plugins/` become the application's, the routes stay in a
 * scope of their own.
 */
const app = fp<RoomcastOptions>(
  async (fastify, { settings, prefix = '' }) => {
    await fastify.register(autoload, { dir: folder('plugins'), options: { settings } })
    await fastify.register(edges, { prefix })
  },
  { fastify: '5.x', name: 'roomcast' }
)

/** Everything that can be reached from outside, under one set of checks. */
async function edges(fastify: FastifyInstance): Promise<void> {
  fastify.withTypeProvider<TypeBoxTypeProvider>().setValidatorCompiler(validatorCompiler)
  // Only JSON is spoken here: other bodies get 415.
  fastify.removeContentTypeParser('text/plain')
  fastify.addHook('onRequest', fastify.checkHost)
  fastify.addHook('onRequest', fastify.checkApiKey)
  fastify.addHook('onRequest', async (request) => {
    const { live = false } = request.routeOptions.config
    if (request.ws && !live) throw new RoomcastError('not_found')
  })
  fastify.setErrorHandler((error, request, reply) => {
    sendError(reply, error)
    if (reply.statusCode === 500) request.log.error({ err: error }, 'request failed')
  })
  await fastify.register(autoload, { dir: folder('routes') })
}

export default app
