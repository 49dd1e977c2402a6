/** A token bucket: `burst` at once, refilled with `perSecond`. Zero `perSecond` means no limit. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledAt: number

  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond
    this.#burst = Math.max(burst, 1)
    this.#tokens = this.#burst
    this.#filledAt = now
  }

  /** Takes one token: 0, or how many milliseconds until there is one. `now` is monotonic, in milliseconds. */
  take(now: number): number {
    if (this.#perSecond === 0) return 0
    const refill = ((now - this.#filledAt) / 1000) * this.#perSecond
    this.#tokens = Math.min(this.#burst, this.#tokens + refill)
    this.#filledAt = now
    if (this.#tokens >= 1) {
      this.#tokens--
      return 0
    }
    return Math.ceil(((1 - this.#tokens) / this.#perSecond) * 1000)
  }
}

/** Tells when faults come too often. Holds the times of the last ones, once there is one. */
export class FaultCounter {
  readonly #max: number
  readonly #windowMs: number
  #times: Float64Array | undefined
  #count = 0

  constructor(max: number, windowMs: number) {
    this.#max = max
    this.#windowMs = windowMs
  }

  /** Counts one fault; true where it is the `max`th within the window. `now` is monotonic, in milliseconds. */
  add(now: number): boolean {
    this.#times ??= new Float64Array(this.#max).fill(Number.NEGATIVE_INFINITY)
    this.#times[this.#count % this.#max] = now
    this.#count++
    const oldest = this.#times[this.#count % this.#max] as number
    return now - oldest < this.#windowMs
  }
}
