import type { KeptRevocation, Revocation } from './revocations.js'

/** Digits of a moment in milliseconds: as text they are in the order of time. */
const STAMP_DIGITS = 14

/** The tokens that are meant, as text: the same for the same ones. Without line feeds. */
export function encodeRevocation({ userId, tokenId, issuedBefore }: Revocation): string {
  return JSON.stringify([userId ?? null, tokenId ?? null, issuedBefore ?? null])
}

/** A moment in milliseconds since 1970, so that texts that begin with it are in the order of time. */
export function stampOf(timeMs: number): string {
  return String(timeMs).padStart(STAMP_DIGITS, '0')
}

/** A revocation's place in the order of the ends. */
export function placeOf(revocation: KeptRevocation): string {
  return `${stampOf(revocation.expiresAt)}:${encodeRevocation(revocation)}`
}

/** The revocation at a place; undefined for what is none. */
export function revocationAt(place: string): KeptRevocation | undefined {
  try {
    const [userId, tokenId, issuedBefore] = JSON.parse(place.slice(STAMP_DIGITS + 1)) as unknown[]
    const revocation = {
      ...(typeof userId === 'string' && { userId }),
      ...(typeof tokenId === 'string' && { tokenId }),
      ...(typeof issuedBefore === 'number' && { issuedBefore }),
      expiresAt: Number(place.slice(0, STAMP_DIGITS))
    }
    return placeOf(revocation) === place ? revocation : undefined
  } catch {
    return undefined
  }
}
