import type { KeyObject } from 'node:crypto'
import { type CryptoKey, decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { Clock } from '../clock.js'
import { RoomcastError } from '../errors.js'
import { isId, isNamedUser } from '../protocol/ids.js'
import { Capabilities } from './capabilities.js'
import { TokenGrant } from './grant.js'
import { remoteKeys } from './remote-keys.js'
import { asymmetricAlgorithms, parsePublicKey, parseSecret, type TokenKey } from './token-keys.js'
import type { TokenVerifier } from './token-verifier.js'

export interface TokenSettings {
  readonly secret?: string | undefined
  /** PEM. */
  readonly publicKey?: string | undefined
  readonly jwksUrl?: string | undefined
  /** Asked for where it is given. */
  readonly issuer?: string | undefined
  /** The same; a token may name others besides. */
  readonly audience?: string | undefined
  /** Of tokens without the claim `roomcast`. */
  readonly defaultCapabilities: Capabilities
  readonly clock: Clock
  /** The keys of a JWKS could not be fetched; tokens that need them are told to come again. */
  readonly onError: (error: unknown) => void
}

/** The key of a token is told, or looked up, by its header. */
type Key = TokenKey<JWTVerifyGetKey>

/** A longer one is not even decoded. */
const TOKEN_BYTES_MAX = 8192
/** The clock of who made it may be ahead by so much. `exp` has no leeway: it ends connections, too. */
const LEEWAY_SECONDS = 5
/** As long as revocations are kept (protocol.md, section 3). */
const LIFETIME_MS_MAX = 30 * 86_400_000
/** Claims that are kept, so that connections with equal ones share them. */
const SHARED_MAX = 256

/** JSON Web Tokens, signed with what is configured. */
export class JoseTokenVerifier implements TokenVerifier {
  readonly #settings: TokenSettings
  readonly #keys: readonly Key[]
  readonly #shared = new Map<string, Capabilities>()

  /** Throws an `Error` where a key is none. */
  constructor(settings: TokenSettings) {
    this.#settings = settings
    this.#keys = keysOf(settings)
  }

  async verify(token: string): Promise<TokenGrant> {
    if (token.length > TOKEN_BYTES_MAX) throw refusal('The token is too long')
    const { sub: userId = '', exp = 0, jti, iat, roomcast } = await this.#verifySignature(token)
    const now = this.#settings.clock.now()
    const expiresAt = exp * 1000
    if (expiresAt <= now) throw refusal('The token has expired')
    if (expiresAt > now + LIFETIME_MS_MAX) throw refusal('The token is valid for longer than 30 days')
    if (typeof userId !== 'string' || !isNamedUser(userId)) throw refusal('sub: not a valid user id')
    // Else it could not be revoked by it.
    if (jti !== undefined && (typeof jti !== 'string' || !isId(jti))) throw refusal('jti: not a valid id')
    const issuedAt = iat === undefined ? undefined : iat * 1000
    return new TokenGrant({
      userId,
      tokenId: jti,
      issuedAt,
      expiresAt,
      capabilities: this.#capabilitiesOf(roomcast)
    })
  }

  async #verifySignature(token: string): Promise<JWTPayload> {
    const algorithm = algorithmOf(token)
    const { issuer, audience, clock } = this.#settings
    let failure: unknown
    for (const { key, algorithms } of this.#keys.filter(({ algorithms }) => algorithms.includes(algorithm))) {
      const options = {
        algorithms: [...algorithms],
        requiredClaims: ['sub', 'exp'],
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(clock.now()),
        ...(issuer !== undefined && { issuer }),
        ...(audience !== undefined && { audience })
      }
      try {
        return (await jwtVerify(token, key, options)).payload
      } catch (error) {
        failure = error
        if (!isOfAnotherKey(error)) break
      }
    }
    throw failure instanceof RoomcastError ? failure : refusalOf(failure)
  }

  #capabilitiesOf(claim: unknown): Capabilities {
    if (claim === undefined) return this.#settings.defaultCapabilities
    const text = JSON.stringify(claim)
    const known = this.#shared.get(text)
    if (known !== undefined) return known
    try {
      const capabilities = new Capabilities(claim)
      this.#share(text, capabilities)
      return capabilities
    } catch (error) {
      throw refusal(`roomcast: ${(error as Error).message}`)
    }
  }

  #share(text: string, capabilities: Capabilities): void {
    const [oldest] = this.#shared.keys()
    if (this.#shared.size >= SHARED_MAX && oldest !== undefined) this.#shared.delete(oldest)
    this.#shared.set(text, capabilities)
  }
}

/** The remote ones last: they may have to be fetched. */
function keysOf({ secret, publicKey, jwksUrl, clock, onError }: TokenSettings): Key[] {
  const keys: Key[] = []
  if (secret !== undefined) keys.push(imported(parseSecret(secret)))
  if (publicKey !== undefined) keys.push(fixed(parsePublicKey(publicKey)))
  if (jwksUrl !== undefined) {
    keys.push({ key: remoteKeys({ url: new URL(jwksUrl), clock, onError }), algorithms: asymmetricAlgorithms })
  }
  return keys
}

function fixed({ key, algorithms }: TokenKey<KeyObject>): Key {
  return { key: () => key, algorithms }
}

/** Once for each algorithm: jose would do so for each token, which takes longer than to check it. */
function imported({ key, algorithms }: TokenKey<Uint8Array>): Key {
  const keys = new Map<string, Promise<CryptoKey>>()
  const importFor = (algorithm: string) => {
    const hash = `SHA-${algorithm.slice('HS'.length)}`
    return crypto.subtle.importKey('raw', key, { name: 'HMAC', hash }, false, ['verify'])
  }
  return {
    key: ({ alg = '' }) => {
      const known = keys.get(alg) ?? importFor(alg)
      keys.set(alg, known)
      return known
    },
    algorithms
  }
}

/** What the token says it is signed with: it only picks among the keys that there are. */
function algorithmOf(token: string): string {
  try {
    return decodeProtectedHeader(token).alg ?? ''
  } catch (error) {
    throw refusalOf(error)
  }
}

function isOfAnotherKey(error: unknown): boolean {
  return error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey
}

function refusalOf(error: unknown): RoomcastError {
  if (error instanceof errors.JWTExpired) return refusal('The token has expired')
  if (error instanceof errors.JWTClaimValidationFailed)
    return refusal(`${error.claim}: missing, or not as it has to be`)
  return refusal('The token is not valid')
}

/** Tells the client why, but nothing of what the token holds. */
function refusal(message: string): RoomcastError {
  return new RoomcastError('unauthenticated', { message })
}
