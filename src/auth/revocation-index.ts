import { encodeRevocation } from '../store/revocation-entry.js'
import type { KeptRevocation, Revocation } from '../store/revocations.js'

/** What a token is revoked by. */
export interface RevocableToken {
  /** Null in open mode, where there are no tokens. */
  readonly userId: string | null
  readonly tokenId?: string | undefined
  /** Milliseconds since 1970; undefined counts as before everything. */
  readonly issuedAt?: number | undefined
}

/** Everything is issued before that. */
const ALWAYS = Number.POSITIVE_INFINITY

/** The revocations that are in force, found by what a token says: at the same cost however many there are. */
export class RevocationIndex {
  readonly #all = new Map<string, KeptRevocation>()
  /** By user and token id, either of which may be missing; as a rule one each, as a later one mostly takes in the others. */
  readonly #byToken = new Map<string, KeptRevocation[]>()

  get size(): number {
    return this.#all.size
  }

  /** Idempotent. One that names no tokens at all is ignored. */
  add(revocation: KeptRevocation): void {
    const { userId, tokenId, issuedBefore, expiresAt } = revocation
    if (userId === undefined && tokenId === undefined && issuedBefore === undefined) return
    const key = encodeRevocation(revocation)
    const known = this.#all.get(key)
    if (known !== undefined && known.expiresAt >= expiresAt) return
    this.#all.set(key, revocation)
    const place = placeOf(userId, tokenId)
    const others = (this.#byToken.get(place) ?? []).filter((other) => !covers(revocation, other))
    this.#byToken.set(place, [...others, revocation])
  }

  has(revocation: KeptRevocation): boolean {
    return this.#all.has(encodeRevocation(revocation))
  }

  /** Whether a token is revoked at `now`. */
  covers({ userId, tokenId, issuedAt = Number.NEGATIVE_INFINITY }: RevocableToken, now: number): boolean {
    if (userId === null || this.#all.size === 0) return false
    const places = [placeOf(userId, undefined), placeOf(undefined, undefined)]
    if (tokenId !== undefined) places.push(placeOf(undefined, tokenId), placeOf(userId, tokenId))
    return places.some((place) => this.#byToken.get(place)?.some((revocation) => isMet(revocation, issuedAt, now)))
  }

  all(): IterableIterator<KeptRevocation> {
    return this.#all.values()
  }

  /** Forgets those that are over at `now`. */
  sweep(now: number): void {
    for (const [key, revocation] of this.#all) {
      if (revocation.expiresAt > now) continue
      this.#all.delete(key)
      const place = placeOf(revocation.userId, revocation.tokenId)
      const others = (this.#byToken.get(place) ?? []).filter((other) => other !== revocation)
      if (others.length > 0) this.#byToken.set(place, others)
      else this.#byToken.delete(place)
    }
  }
}

/** Whether this one takes a token back, whatever others do. The same as asking an index that has it, but cheaper. */
export function takesBack(
  { userId, tokenId, issuedBefore = ALWAYS }: Revocation,
  { userId: user, tokenId: token, issuedAt = Number.NEGATIVE_INFINITY }: RevocableToken
): boolean {
  if (user === null || (userId !== undefined && userId !== user)) return false
  if (tokenId !== undefined && tokenId !== token) return false
  return issuedAt < issuedBefore
}

function placeOf(userId: string | undefined, tokenId: string | undefined): string {
  return encodeRevocation({ userId, tokenId })
}

function isMet({ issuedBefore = ALWAYS, expiresAt }: KeptRevocation, issuedAt: number, now: number): boolean {
  return expiresAt > now && issuedAt < issuedBefore
}

/** Of two with the same user and token id: whether the first takes all that the second does, for as long. */
function covers(first: KeptRevocation, second: KeptRevocation): boolean {
  return (first.issuedBefore ?? ALWAYS) >= (second.issuedBefore ?? ALWAYS) && first.expiresAt >= second.expiresAt
}
