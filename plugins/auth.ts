import rateLimit from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { findApiKey, parseApiKeys, type Scope } from '../src/auth/api-keys.js'
import { isLoopback, takesTokens } from '../src/config.js'
import { RoomcastError } from '../src/errors.js'
import { clientAddress } from '../src/http/client-address.js'
import { checkLoopbackHost } from '../src/http/guards.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** For every request: the host it names. Throws `forbidden`. */
    checkHost: (request: FastifyRequest) => Promise<void>
    /** For backends: the key and its scope, as `config.scope` of the route asks. */
    checkApiKey: (request: FastifyRequest) => Promise<void>
  }
  interface FastifyContextConfig {
    /** What a key needs for this route; `public` for none. Without it a route needs `admin`. */
    scope?: Scope | 'public'
  }
}

const FAILURES_PER_MINUTE = 100
const UNGUARDED = 'This server is reachable from other machines: it needs API_KEYS, and JWT_… or ALLOW_ANONYMOUS=true'

export default fp(
  async (fastify) => {
    const { config } = fastify
    const keys = parseApiKeys(config.API_KEYS)
    /** Users need tokens, and backends keys. */
    const guarded = keys.length > 0 && takesTokens(config)
    await fastify.register(rateLimit, { global: false })
    const countFailure = fastify.createRateLimit({
      max: FAILURES_PER_MINUTE,
      timeWindow: '1 minute',
      keyGenerator: ({ ip }) => clientAddress(ip)
    })

    /** An application that embeds the server may listen elsewhere than the settings say. */
    function listensOnLoopback(): boolean {
      const addresses = fastify.addresses().flatMap((at) => (typeof at === 'string' ? [] : [at.address]))
      return (addresses.length === 0 ? [config.HOST] : addresses).every(isLoopback)
    }

    let onLoopback: boolean | undefined
    fastify.addHook('onListen', async () => {
      onLoopback = listensOnLoopback()
    })
    fastify.decorate('checkHost', async (request) => {
      if (guarded) return
      // Everybody is let in: whoever reaches a loopback port has to be of this machine.
      if (onLoopback ?? listensOnLoopback()) checkLoopbackHost(request.headers.host)
      else if (keys.length === 0 || !config.ALLOW_ANONYMOUS)
        throw new RoomcastError('forbidden', { message: UNGUARDED })
    })
    fastify.decorate('checkApiKey', async (request) => {
      const { scope = 'admin' } = request.routeOptions.config ?? {}
      if (keys.length === 0 || scope === 'public' || request.ws) return
      const [, given = ''] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? []
      const key = findApiKey(keys, given)
      if (key === undefined) {
        const limit = await countFailure(request)
        const exceeded = !limit.isAllowed && limit.isExceeded
        throw exceeded
          ? new RoomcastError('rate_limited', { message: 'Too many keys that are not valid', retryAfterMs: limit.ttl })
          : new RoomcastError('unauthenticated')
      }
      if (!key.scopes.has(scope)) throw new RoomcastError('forbidden', { message: `This key lacks the scope ${scope}` })
    })
  },
  { name: 'auth', dependencies: ['config', 'websocket'] }
)
