import { answered } from '../answered.js'
import type { PageQuery } from '../presence.js'
import { encodeRevocation, revocationAt, stampOf } from '../revocation-entry.js'
import type { KeptRevocation, Revocations } from '../revocations.js'
import type { RedisConnection } from './connections.js'
import type { Keys } from './keys.js'

/** Revocations over all nodes. */
export class RedisRevocations implements Revocations {
  readonly #redis: RedisConnection
  readonly #keys: Keys
  readonly #now: () => number

  constructor(redis: RedisConnection, keys: Keys, now: () => number) {
    this.#redis = redis
    this.#keys = keys
    this.#now = now
  }

  async record(revocation: KeptRevocation): Promise<void> {
    const { revocations, revocationOrder } = this.#keys
    const fields = [encodeRevocation(revocation), stampOf(revocation.expiresAt), stampOf(this.#now())]
    await answered(this.#redis.rcRecordRevocation(revocations, revocationOrder, ...fields))
  }

  async list({ limit, cursor }: PageQuery): Promise<{
    revocations: KeptRevocation[]
    nextCursor: string | undefined
  }> {
    // A place is behind a stamp that it begins with.
    const unexpired = stampOf(this.#now() + 1)
    const start = cursor === undefined || cursor < unexpired ? `[${unexpired}` : `(${cursor}`
    const places = await answered(
      this.#redis.zrangebylex(this.#keys.revocationOrder, start, '+', 'LIMIT', 0, limit + 1)
    )
    const page = places.slice(0, limit)
    const nextCursor = places.length > limit ? page.at(-1) : undefined
    return { revocations: page.flatMap((place) => revocationAt(place) ?? []), nextCursor }
  }
}
