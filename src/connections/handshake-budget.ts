import type { Clock } from '../clock.js'
import { RoomcastError } from '../errors.js'

export interface HandshakeBudgetOptions {
  /** Fresh connections a second; 0 for no limit. */
  readonly perSecond: number
  readonly clock: Clock
}

/** Of the price of a fresh connection. Whether one comes back shows only after the handshake: so much is paid before. */
const COMEBACK_PRICE = 0.5
/** Nobody is sent away for longer. */
const RETRY_MS_MAX = 30_000

/**
 * How many handshakes a node takes in a second, so that a herd comes in no faster than it can be served. Those who are
 * refused are told times one after the other, at which there will be room for them.
 */
export class HandshakeBudget {
  readonly #perSecond: number
  readonly #clock: Clock
  /** Below zero after fresh ones, by a second's worth at most. */
  #tokens: number
  #filledAt: number
  /** The time that was told last. */
  #promisedAt = Number.NEGATIVE_INFINITY

  constructor({ perSecond, clock }: HandshakeBudgetOptions) {
    this.#perSecond = perSecond
    this.#clock = clock
    this.#tokens = perSecond
    this.#filledAt = clock.monotonic()
  }

  /** Takes one handshake in, or throws `overloaded` with the time to come back at. */
  take(): void {
    if (this.#perSecond === 0) return
    this.#refill()
    if (this.#tokens < COMEBACK_PRICE) throw this.#refusal()
    this.#tokens -= COMEBACK_PRICE
  }

  /** One that was taken in began anew: handshakes after it pay the rest of its price. */
  chargeFresh(): void {
    if (this.#perSecond === 0) return
    this.#refill()
    this.#tokens = Math.max(this.#tokens - (1 - COMEBACK_PRICE), -this.#perSecond)
  }

  #refill(): void {
    const now = this.#clock.monotonic()
    const refill = ((now - this.#filledAt) / 1000) * this.#perSecond
    this.#tokens = Math.min(this.#perSecond, this.#tokens + refill)
    this.#filledAt = now
  }

  #refusal(): RoomcastError {
    const now = this.#filledAt
    const freeAt = now + this.#msFor(COMEBACK_PRICE - this.#tokens)
    const next = Math.max(freeAt, this.#promisedAt + this.#msFor(COMEBACK_PRICE))
    // A queue that is too long begins again at its head: some will have given up.
    this.#promisedAt = next > now + RETRY_MS_MAX ? freeAt : next
    return new RoomcastError('overloaded', { retryAfterMs: Math.ceil(this.#promisedAt - now) })
  }

  #msFor(tokens: number): number {
    return (tokens / this.#perSecond) * 1000
  }
}
