import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../clock.js'
import { Deadlines } from '../deadlines.js'
import { RoomcastError, STORE_RETRY_AFTER_MS } from '../errors.js'

export interface RemoteKeysOptions {
  readonly url: URL
  readonly clock: Clock
  /** The keys could not be fetched. At most once a second. */
  readonly onError: (error: unknown) => void
}

/** Within the time that a command has. */
const ANSWER_MS = 2000
/** Whatever tokens name: the server of the keys is asked no more often. */
const PAUSE_MS = 1000
/** A token with an unknown `kid` has the keys fetched anew, but not within this time of the last ones. */
const COOLDOWN_MS = 30_000

/** The keys are missing, and were asked for so lately that they are not again. */
class AskedLatelyError extends Error {}

/**
 * The keys of a JWKS, fetched when a token needs them first, kept for ten minutes. Rejects with `store_unavailable` where
 * they cannot be had in time, and with an error of jose where none of them fits the token.
 */
export function remoteKeys({ url, clock, onError }: RemoteKeysOptions): JWTVerifyGetKey {
  const deadlines = new Deadlines(clock, ANSWER_MS)
  const keys = createRemoteJWKSet(url, {
    timeoutDuration: ANSWER_MS,
    cooldownDuration: COOLDOWN_MS,
    [customFetch]: pacedFetch(clock)
  })
  const report = onceEach(onError)
  return async (header, token) => {
    const found = keys(header, token)
    found.catch(report)
    try {
      return await deadlines.bound(found)
    } catch (error) {
      if (isAboutToken(error)) throw error
      throw new RoomcastError('store_unavailable', {
        message: 'The keys that tokens are checked with cannot be had',
        retryAfterMs: STORE_RETRY_AFTER_MS,
        cause: error
      })
    }
  }
}

function pacedFetch(clock: Clock): typeof fetch {
  let pausedUntil = Number.NEGATIVE_INFINITY
  return async (...request) => {
    const now = clock.monotonic()
    if (now < pausedUntil) throw new AskedLatelyError('asked a moment ago')
    pausedUntil = now + PAUSE_MS
    return await fetch(...request)
  }
}

/** Hands each failure to fetch the keys on once, however many tokens waited for them. */
function onceEach(onError: (error: unknown) => void): (error: unknown) => void {
  let told: unknown
  return (error) => {
    if (error === told || error instanceof AskedLatelyError || isAboutToken(error)) return
    told = error
    onError(error)
  }
}

/** The keys are there, and none is the token's. */
function isAboutToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  )
}
