import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import { TokenBucket } from '../connections/rate-limit.js'
import { RoomcastError } from '../errors.js'
import type { RoomRules } from './room-families.js'

/** How much each connection may put into the rooms of a family. */
export class FamilyRates {
  readonly #clock: Clock
  readonly #buckets = new WeakMap<Connection, Map<RoomRules, TokenBucket>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts one message. Throws `rate_limited` where it is one too many. */
  take(connection: Connection, rules: RoomRules): void {
    if (rules.rateLimit === undefined) return
    const now = this.#clock.monotonic()
    const { perSecond, burst } = rules.rateLimit
    const buckets = this.#buckets.get(connection) ?? new Map<RoomRules, TokenBucket>()
    const bucket = buckets.get(rules) ?? new TokenBucket(perSecond, burst, now)
    this.#buckets.set(connection, buckets.set(rules, bucket))
    const retryAfterMs = bucket.take(now)
    if (retryAfterMs > 0) throw new RoomcastError('rate_limited', { retryAfterMs })
  }
}
