import fp from 'fastify-plugin'
import { Authenticator } from '../src/auth/authenticator.js'
import { parseCapabilities } from '../src/auth/capabilities.js'
import { JoseTokenVerifier } from '../src/auth/jose-token-verifier.js'
import { isWeakSecret } from '../src/auth/token-keys.js'
import { takesTokens } from '../src/config.js'

declare module 'fastify' {
  interface FastifyInstance {
    authenticator: Authenticator
  }
}

export default fp(
  async (fastify) => {
    const { clock, config, revocations, rooms, sessions, users, reportFailure } = fastify
    const verifier = takesTokens(config)
      ? new JoseTokenVerifier({
          secret: config.JWT_SECRET,
          publicKey: config.JWT_PUBLIC_KEY,
          jwksUrl: config.JWT_JWKS_URL,
          issuer: config.JWT_ISSUER,
          audience: config.JWT_AUDIENCE,
          defaultCapabilities: parseCapabilities(config.DEFAULT_CAPABILITIES),
          clock,
          onError: reportFailure
        })
      : undefined
    if (isWeakSecret(config.JWT_SECRET))
      fastify.log.warn('JWT_SECRET is short: whoever has a token can find it by trying')
    const authenticator = new Authenticator({ verifier, revocations, clock, rooms, sessions, users })
    fastify.decorate('authenticator', authenticator)
    fastify.addHook('onClose', async () => authenticator.close())
  },
  { name: 'authenticator', dependencies: ['clock', 'config', 'revocations', 'rooms', 'sessions', 'users', 'counters'] }
)
