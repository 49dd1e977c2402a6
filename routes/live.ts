import { readFileSync } from 'node:fs'
import type { FastifyPluginAsync, FastifyRequest, preHandlerHookHandler, preValidationAsyncHookHandler } from 'fastify'
import type { WebSocket } from 'ws'
import { everything, type TokenGrant } from '../src/auth/grant.js'
import { listOf, originOf } from '../src/config.js'
import { canTakeOffer } from '../src/connections/deflate-offers.js'
import { releaseHandshake } from '../src/connections/handshake-remains.js'
import { isSubprotocol, NDJSON, SocketTransport } from '../src/connections/socket-transport.js'
import { NotAskedError, RoomcastError, storeUnavailable } from '../src/errors.js'
import { clientAddress } from '../src/http/client-address.js'
import { checkOrigin } from '../src/http/guards.js'
import { handshakeToken } from '../src/http/handshake-token.js'
import type { LiveConnection } from '../src/live.js'
import { pageHeaders } from '../src/page/page-headers.js'
import { DEFAULT_DEVICE, isId, isNamedUser } from '../src/protocol/ids.js'
import type { HandshakeRefusal } from '../src/stats/counters.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Takes WebSocket upgrades; every other route refuses them. */
    live?: boolean
  }
  interface FastifyRequest {
    /** Of an upgrade: what its token grants. */
    grant: TokenGrant | undefined
  }
}

/** Throws where the handshake is to be refused. */
type Check = readonly [reason: HandshakeRefusal, check: (request: FastifyRequest) => void]

/** When to ask again: another node may answer then. */
const DRAIN_RETRY_MS = 1000

/** The live protocol at `/ws`, and at `/` for clients that name no path; a browser gets the page there. */
const live: FastifyPluginAsync = async (fastify) => {
  const { authenticator, config, counters, handshakes, limiter, live, pool, recovery, users } = fastify
  // The system is asked for it, and it is kept with the socket: only where connections are counted by it.
  const looksFirst = authenticator.required || users.areElsewhere
  const addressMatters = config.MAX_CONNECTIONS_PER_IP > 0 || limiter.countsAddresses
  const addressOf = addressMatters ? ({ ip }: FastifyRequest) => clientAddress(ip) : () => ''
  const allowedOrigins = listOf(config.ALLOWED_ORIGINS).flatMap((origin) => originOf(origin) ?? [])
  const page = readFileSync(new URL('../src/page/index.html', import.meta.url), 'utf8')
  const headers = pageHeaders(page)
  fastify.decorateRequest('grant', undefined)

  /**
   * What may take its time, before all that must not: the token's signature, with keys that may have to be fetched, and
   * how many connections its user has elsewhere. Who would not come in is not even looked at.
   */
  const lookFirst: preValidationAsyncHookHandler = async (request) => {
    if (!request.ws) return
    refuseOrPass(request, firstChecks)
    await orCount('token', () => verifyToken(request))
    await orCount('limit', () => users.checkRoom(knownUserOf(request)))
  }

  async function verifyToken(request: FastifyRequest): Promise<void> {
    const token = authenticator.required ? tokenOf(request) : undefined
    if (token !== undefined) request.grant = await authenticator.verify(token)
  }

  async function orCount(reason: HandshakeRefusal, check: () => Promise<void>): Promise<void> {
    try {
      await check()
    } catch (error) {
      counters.refusedHandshakes[reason]++
      throw error
    }
  }

  function tokenOf({ headers, query }: FastifyRequest): string | undefined {
    const given = handshakeToken(headers, isSubprotocol)
    const { token } = query as Record<string, unknown>
    if (given !== undefined || token === undefined || !config.TOKEN_IN_QUERY) return given
    return typeof token === 'string' ? token : ''
  }

  /**
   * Everything that can be refused is refused before the upgrade, as plain HTTP. Without a promise: nothing may come
   * between this and the upgrade, or others would come in on the same place.
   */
  const checkHandshake: preHandlerHookHandler = (request, _reply, done) => {
    try {
      if (request.ws) {
        refuseOrPass(request, lastChecks)
        if (config.COMPRESSION) passOverOffers(request)
        // The answer to the handshake and the welcome are one write; one that is refused still ends the socket.
        request.raw.socket.cork()
      }
      done()
    } catch (error) {
      done(error as RoomcastError)
    }
  }

  const originCheck: Check = ['origin', ({ headers: { origin, host } }) => checkOrigin(origin, host, allowedOrigins)]

  const roomCheck: Check = ['limit', (request) => pool.checkRoom(addressOf(request), knownUserOf(request))]

  /** Before anything that takes its time. In this order: the budget is for those who would come in else. */
  const firstChecks: readonly Check[] = [
    originCheck,
    ['id', (request) => [userIdOf(request), queryId(request, 'device_id', isId)]],
    ['draining', () => checkDraining()],
    ['store', () => checkEntered()],
    roomCheck,
    ['rate', (request) => limiter.takeAddress(addressOf(request))],
    ['budget', () => handshakes.take()]
  ]

  const userCheck: Check = ['rate', (request) => takeUser(knownUserOf(request))]

  /** Some of it anew where something took its time. */
  const lastChecks: readonly Check[] = looksFirst
    ? [['id', (request) => userIdOf(request)], ['draining', () => checkDraining()], roomCheck, userCheck]
    : [...firstChecks, userCheck]

  function takeUser(userId: string | null): void {
    if (userId !== null) limiter.takeUser(userId)
  }

  /** Where users have tokens, a name alone is nobody's: it is not told how many connections that user has. */
  function knownUserOf(request: FastifyRequest): string | null {
    return authenticator.required ? (request.grant?.userId ?? null) : userIdOf(request)
  }

  /** ws would refuse the handshake for offers that cannot be taken. */
  function passOverOffers({ raw: { headers } }: FastifyRequest): void {
    const offers = headers['sec-websocket-extensions']
    if (offers !== undefined && !canTakeOffer(offers)) delete headers['sec-websocket-extensions']
  }

  function refuseOrPass(request: FastifyRequest, checks: readonly Check[]): void {
    for (const [reason, check] of checks) {
      try {
        check(request)
      } catch (error) {
        counters.refusedHandshakes[reason]++
        throw error
      }
    }
  }

  function checkDraining(): void {
    if (live.draining) throw new RoomcastError('draining', { retryAfterMs: DRAIN_RETRY_MS })
  }

  function checkEntered(): void {
    // A node that was never in the cluster could serve nobody; later its connections outlast an outage.
    if (!recovery.entered) throw storeUnavailable(new NotAskedError('not entered yet'))
  }

  function onSocket(socket: WebSocket, request: FastifyRequest): void {
    counters.connections++
    const connection = live.open({
      transport: new SocketTransport(socket),
      address: addressOf(request),
      deviceId: queryId(request, 'device_id', isId) ?? DEFAULT_DEVICE,
      userId: userIdOf(request),
      grant: authenticator.required ? request.grant : everything,
      ndjson: socket.protocol === NDJSON
    })
    // Listeners before anything that awaits: a frame that arrives in between would be lost.
    listen(socket, connection)
    request.raw.socket.uncork()
    releaseHandshake(socket, request.raw.socket)
  }

  const options = {
    method: 'GET',
    schema: { hide: true },
    config: { live: true, scope: 'public' },
    ...(looksFirst && { preValidation: lookFirst }),
    preHandler: checkHandshake,
    wsHandler: onSocket
  } as const
  fastify.route({
    ...options,
    url: '/ws',
    handler: async () => {
      throw new RoomcastError('not_found', { message: 'This route is for WebSocket clients' })
    }
  })
  fastify.route({
    ...options,
    url: '/',
    handler: async (request, reply) => {
      // The page finds the server by its own folder: `/push` has to be `/push/`.
      const [path = '/', query] = request.url.split('?', 2)
      if (!path.endsWith('/')) return reply.redirect(query === undefined ? `${path}/` : `${path}/?${query}`)
      return reply.headers(headers).send(page)
    }
  })
}

/** A socket of this route knows its connection: with listeners of its own each would be larger by half a kilobyte. */
interface HeardSocket extends WebSocket {
  heardBy?: LiveConnection
}

function listen(socket: HeardSocket, connection: LiveConnection): void {
  socket.heardBy = connection
  socket.on('message', onMessage)
  socket.on('ping', onPing)
  socket.on('pong', onPong)
  socket.on('close', onClose)
}

function onMessage(this: HeardSocket, frame: Buffer, isBinary: boolean): void {
  this.heardBy?.onFrame(frame, isBinary)
}

function onPing(this: HeardSocket): void {
  this.heardBy?.onPing()
}

function onPong(this: HeardSocket, payload: Buffer): void {
  this.heardBy?.onPong(payload)
}

function onClose(this: HeardSocket, code: number): void {
  this.heardBy?.onClose(code)
}

/** Of the token, which the query string may repeat. Throws `invalid_id` and `user_mismatch`. */
function userIdOf(request: FastifyRequest): string | null {
  const named = queryId(request, 'user_id', isNamedUser)
  const { userId = null } = request.grant ?? {}
  if (userId !== null && named !== null && named !== userId) throw new RoomcastError('user_mismatch')
  return userId ?? named
}

/** An id of the query string; null where it is absent. Throws `invalid_id`. */
function queryId(request: FastifyRequest, name: string, isValid: (id: string) => boolean): string | null {
  const value = (request.query as Record<string, unknown>)[name]
  if (value === undefined) return null
  if (typeof value !== 'string' || !isValid(value) || !isDecodable(request.url)) {
    throw new RoomcastError('invalid_id', { message: `${name}: not a valid id` })
  }
  return value
}

/** What is no text in percent code is else taken as it stands: two addresses would name one user. */
function isDecodable(url: string): boolean {
  if (!url.includes('%')) return true
  try {
    decodeURIComponent(url)
    return true
  } catch {
    return false
  }
}

export default live
