const BASE_MS = 500
const CAP_MS = 20_000

/**
 * How long to wait before the next attempt: full jitter, `random() * min(20 s, 0.5 s * 2 ** attempt)`. Clients that
 * lost the same server do not come back in step.
 */
export class Backoff {
  readonly #random: () => number
  #attempt = 0

  /** `random` gives numbers from 0 up to, not including, 1. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** In milliseconds; the range doubles with each call. */
  next(): number {
    return this.#random() * Math.min(CAP_MS, BASE_MS * 2 ** this.#attempt++)
  }

  reset(): void {
    this.#attempt = 0
  }
}
