import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import fp from 'fastify-plugin'
// Autoload finds them by itself; named here, their decorators are in the types that an application sees.
import '../plugins/auth.js'
import '../plugins/authenticator.js'
import '../plugins/broadcasts.js'
import type { ClockPluginOptions } from '../plugins/clock.js'
import type { ConfigPluginOptions } from '../plugins/config.js'
import '../plugins/connections.js'
import '../plugins/control.js'
import '../plugins/counters.js'
import docs from '../plugins/docs.js'
import '../plugins/groups.js'
import '../plugins/heartbeat.js'
import '../plugins/inbox.js'
import '../plugins/message-bus.js'
import '../plugins/message-queue.js'
import '../plugins/metrics.js'
import '../plugins/publisher.js'
import type { RandomPluginOptions } from '../plugins/random.js'
import '../plugins/recovery.js'
import type { RedisPluginOptions } from '../plugins/redis.js'
import '../plugins/removals.js'
import '../plugins/request-time.js'
import '../plugins/revocations.js'
import type { RoomFamiliesPluginOptions } from '../plugins/room-families.js'
import '../plugins/rooms.js'
import '../plugins/sessions.js'
import '../plugins/stats.js'
import '../plugins/store.js'
import '../plugins/usage-exchange.js'
import '../plugins/users.js'
import '../plugins/websocket.js'
import { type Config, listOf } from './config.js'
import { RoomcastError } from './errors.js'
import { takeInHerds } from './http/arrivals.js'
import { rawErrorResponse, sendError } from './http/error-response.js'
import { endLateUpgrades } from './http/late-upgrades.js'
import { validatorCompiler } from './http/validator-compiler.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers to the very end. */
    whileClosing?: boolean
  }
}

/** When to come back to a server that is going away: another may be there by then. */
const DRAIN_RETRY_MS = 1000

export interface RoomcastOptions
  extends ConfigPluginOptions,
    ClockPluginOptions,
    RandomPluginOptions,
    RedisPluginOptions,
    RoomFamiliesPluginOptions {
  /** Put before the path of every route. */
  readonly prefix?: string
}

// Run from its sources, by whatever compiles them: autoload takes no `.ts` file unless it is told so.
if (import.meta.url.endsWith('.ts')) process.env.FASTIFY_AUTOLOAD_TYPESCRIPT ??= '1'

const folder = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))

/**
 * The whole server as one Fastify plugin: the decorators of `plugins/` become the application's, the routes stay in a
 * scope of their own.
 */
const app = fp<RoomcastOptions>(
  async (fastify, { prefix = '', ...options }) => {
    endLateUpgrades(fastify.server)
    await fastify.register(autoload, { dir: folder('plugins'), options, ignorePattern: /docs\.[jt]s$/ })
    await fastify.register(edges, { prefix })
  },
  { fastify: '5.x', name: 'roomcast' }
)

/** Clients that send `Content-Type: application/json` with each request do so without a body, too. */
function takeEmptyBodies(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error')
  fastify.removeContentTypeParser('application/json')
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '' && request.routeOptions.schema?.body === undefined) done(null, undefined)
    else parse(request, body as string, done)
  })
}

/** Everything that can be reached from outside, under one set of checks. */
async function edges(fastify: FastifyInstance): Promise<void> {
  fastify.withTypeProvider<TypeBoxTypeProvider>().setValidatorCompiler(validatorCompiler)
  // Only JSON is spoken here: other bodies get 415.
  fastify.removeContentTypeParser('text/plain')
  takeEmptyBodies(fastify)
  fastify.addHook('onRequest', async ({ routeOptions, ws }, reply) => {
    const { whileClosing = false } = routeOptions.config
    // The next request is to go to another node.
    if (fastify.live.draining) reply.header('connection', 'close')
    // Upgrades have checks of their own, and are refused sooner.
    const passes = whileClosing || ws
    if (fastify.live.closing && !passes) throw new RoomcastError('draining', { retryAfterMs: DRAIN_RETRY_MS })
  })
  fastify.addHook('onRequest', fastify.checkHost)
  fastify.addHook('onRequest', fastify.checkApiKey)
  fastify.addHook('onRequest', async (request) => {
    const { live = false } = request.routeOptions.config
    if (request.ws && !live) throw new RoomcastError('not_found')
  })
  fastify.setErrorHandler((error, request, reply) => {
    fastify.limiter.refusals.requests[sendError(reply, error)]++
    if (reply.statusCode === 500) request.log.error({ err: error }, 'request failed')
  })
  // Here and not with the other plugins: the document is of these routes alone.
  await fastify.register(docs)
  fastify.addHook('onRoute', (route) => {
    const { boundsItself = false, live = false } = route.config ?? {}
    if (!boundsItself && !live) route.handler = fastify.inTime(route.handler)
  })
  await fastify.register(autoload, { dir: folder('routes') })
}

export default app

/** What definitions of rooms are made of: everything that a settings module needs comes from here. */
export { type Static, Type } from '@sinclair/typebox'
export { RoomcastError } from './errors.js'
export { RoomDefinitionError } from './rooms/definition-error.js'
export { defineRoom, type RoomFamily, type RoomMessage, type RoomPolicy, type RoomVisit } from './rooms/room-family.js'
export type { RoomParams } from './rooms/room-pattern.js'

/** Fastify has none by default: a peer could hold a request open for ever. */
const REQUEST_TIMEOUT_MS = 30_000
/** How late a request that takes too long may be ended. */
const REQUEST_CHECK_MS = 5000
/** An id has up to 128 bytes, each of which may be `%XX`; longer ones are to be told that they are no ids. */
const PARAM_LENGTH_MAX = 16_384
const BODY_BYTES_MIN = 1_048_576
/** What may stand around a message in a body. */
const BODY_FRAME_BYTES = 65_536
/** A letter of one byte may be written as `\u0041`. */
const ESCAPED_LETTER_BYTES = 6

/** With more commands under way nobody is brought in for more of them at full speed: each is to be answered in time. */
const COMMANDS_BEFORE_OTHERS = 256

/** A Fastify instance of its own with the server in it; neither ready nor listening yet. */
export function createHttpServer(config: Config, options: Omit<RoomcastOptions, 'settings'> = {}): FastifyInstance {
  const trustedProxies = listOf(config.TRUST_PROXY)
  const server = Fastify({
    logger: { level: config.LOG_LEVEL },
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Of two times Node gives the longer one to the whole of a request; its own for the headers is a minute.
    http: { headersTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: REQUEST_CHECK_MS },
    bodyLimit: Math.max(BODY_BYTES_MIN, BODY_FRAME_BYTES + config.MAX_MESSAGE_BYTES * ESCAPED_LETTER_BYTES),
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    forceCloseConnections: 'idle',
    // The routes say by themselves that the server is draining.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => {
      if (socket.writable) socket.write(rawErrorResponse(error))
      // Whether its peer ends its side or not: no time-out counts for this socket any more.
      socket.destroySoon()
    },
    frameworkErrors: (error, request, reply) => void refuseUnrouted(request, reply as FastifyReply, error)
  })
  // Only what no route knows comes here: the routes are in a scope with a handler of its own.
  server.setErrorHandler(async (error, request, reply) => {
    const refusal = error instanceof RoomcastError ? error : new RoomcastError('not_found')
    await server.checkHost(request).then(
      () => sendError(reply, refusal),
      (forbidden) => sendError(reply, forbidden)
    )
    return reply
  })
  server.setNotFoundHandler(
    { preHandler: (request: FastifyRequest) => server.checkHost(request) },
    (_request, reply) => {
      sendError(reply, new RoomcastError('not_found'))
    }
  )
  server.register(app, { ...options, settings: config })
  takeInHerds(server.server, () => server.live.commandsUnderWay > COMMANDS_BEFORE_OTHERS)
  return server

  /** A request that came to no route, and so past no hook: the checks come before its own fault here, too. */
  async function refuseUnrouted(request: FastifyRequest, reply: FastifyReply, error: Error): Promise<void> {
    // Of an upgrade nobody else ends the socket.
    if (request.raw.headers.upgrade !== undefined) reply.raw.once('finish', () => request.raw.socket.destroy())
    try {
      await server.checkHost(request)
      await server.checkApiKey(request)
      sendError(reply, error)
    } catch (refusal) {
      sendError(reply, refusal)
    }
  }
}
