import { randomUUID } from 'node:crypto'
import { parseSecret } from '../../src/auth/token-keys.js'
import { signToken } from '../../src/auth/token-signer.js'
import { loadConfig } from '../../src/config.js'

const VALID_MS = 600_000

export type TokenSource = (userId: string) => (() => Promise<string>) | undefined

/** Fresh tokens for a user, where the settings have a secret to sign them with. Throws `ConfigError`. */
export function tokenSource(): TokenSource {
  const { JWT_SECRET: secret, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = loadConfig()
  if (secret === undefined) return () => undefined
  const key = parseSecret(secret)
  return (userId) => () => {
    const now = Date.now()
    const claims = { userId, tokenId: randomUUID(), issuedAt: now, expiresAt: now + VALID_MS, issuer, audience }
    return signToken(claims, key)
  }
}
