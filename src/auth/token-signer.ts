import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { TokenKey } from './token-keys.js'

export interface TokenClaims {
  readonly userId: string
  readonly tokenId: string
  /** In milliseconds since 1970. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** The claim `roomcast`: an object from pattern to operations. */
  readonly capabilities?: unknown
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
  /** Which key of a JWKS it is. */
  readonly keyId?: string | undefined
}

/** A token that `JoseTokenVerifier` takes, by the first algorithm that the key is for. */
export async function signToken(
  claims: TokenClaims,
  { key, algorithms: [alg = ''] }: TokenKey<Uint8Array | KeyObject>
): Promise<string> {
  const { userId, tokenId, issuedAt, expiresAt, capabilities, issuer, audience, keyId } = claims
  const payload = {
    sub: userId,
    jti: tokenId,
    iat: Math.floor(issuedAt / 1000),
    exp: Math.floor(expiresAt / 1000),
    ...(issuer !== undefined && { iss: issuer }),
    ...(audience !== undefined && { aud: audience }),
    ...(capabilities !== undefined && { roomcast: capabilities })
  }
  return await new SignJWT(payload).setProtectedHeader({ alg, ...(keyId !== undefined && { kid: keyId }) }).sign(key)
}
