import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import app from '../app.js'
import { type Config, listOf } from '../config.js'
import { RoomcastError } from '../errors.js'
import { sendError } from './error-response.js'

/** Fastify has none by default: a peer could hold a request open for ever. */
const REQUEST_TIMEOUT_MS = 30_000
/** An id has up to 128 bytes, each of which may be `%XX`. */
const PARAM_LENGTH_MAX = 384
const BODY_BYTES_MIN = 1_048_576

/** A Fastify instance of its own with the server in it; neither ready nor listening yet. */
export function createHttpServer(config: Config): FastifyInstance {
  const trustedProxies = listOf(config.TRUST_PROXY)
  const server = Fastify({
    logger: { level: config.LOG_LEVEL },
    disableRequestLogging: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // A message may be written with escapes of six bytes a letter, and has a frame around it.
    bodyLimit: Math.max(BODY_BYTES_MIN, config.MAX_MESSAGE_BYTES * 2),
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, _request, reply) => sendError(reply as FastifyReply, error)
  })
  server.setNotFoundHandler((_request, reply) => sendError(reply, new RoomcastError('not_found')))
  server.register(app, { settings: config })
  return server
}
