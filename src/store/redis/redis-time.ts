import type { Clock } from '../../clock.js'

/** Further ahead than a node's steady clock lets expect, the clock of Redis was set. Well below a lease. */
const JUMP_MS = 4000
/** Steady clocks drift apart by some milliseconds in this time. */
const HEARD_TTL_MS = 600_000

/**
 * The time of Redis, carried on by this node's steady clock: nodes agree on it, however their own wall clocks stand or
 * are set. What one node writes down for another to compare is of this time.
 */
export class RedisTime {
  readonly #clock: Clock
  /** What the steady clock lacks. */
  #aheadMs: number
  #heardAt = Number.NEGATIVE_INFINITY

  /** Until Redis was heard it is this node's own. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#aheadMs = clock.now() - clock.monotonic()
  }

  /** Whole milliseconds since 1970. */
  get nowMs(): number {
    return Math.floor(this.#clock.monotonic() + this.#aheadMs)
  }

  /** Where Redis says that it is later than this, its clock jumped, or what it was asked has waited on its way. */
  get latestMs(): number {
    return this.nowMs + JUMP_MS
  }

  /** Redis told its time just now. */
  hear(nowMs: number): void {
    const monotonic = this.#clock.monotonic()
    if (monotonic - this.#heardAt < HEARD_TTL_MS && nowMs <= this.latestMs) return
    this.#aheadMs = nowMs - monotonic
    this.#heardAt = monotonic
  }

  /** It may be another server that is asked from now on. */
  forget(): void {
    this.#heardAt = Number.NEGATIVE_INFINITY
  }
}
