import type { Clock } from '../clock.js'
import { Allowance, type Rates, type Usage } from './allowance.js'

/** Of somebody who may have many connections. */
export class SharedAllowance extends Allowance {
  readonly key: string
  /** Who has it now. */
  connections = 0
  /** Used on this node since `Allowances.drainUsage`. */
  used: Usage = nothing
  readonly #onUsed: OnUsed | undefined

  constructor(key: string, rates: Rates, now: number, onUsed: OnUsed | undefined) {
    super(rates, now)
    this.key = key
    this.#onUsed = onUsed
  }

  override take(messages: number, bytes: number): void {
    super.take(messages, bytes)
    this.#note(messages, bytes, 0)
  }

  override takeDeliveries(count: number): void {
    super.takeDeliveries(count)
    this.#note(0, 0, count)
  }

  #note(messages: number, bytes: number, deliveries: number): void {
    const { used } = this
    if (this.#onUsed === undefined) return
    if (used === nothing) {
      this.used = { messages, bytes, deliveries }
      this.#onUsed(this)
    } else {
      const sum = used as { -readonly [R in keyof Usage]: number }
      sum.messages += messages
      sum.bytes += bytes
      sum.deliveries += deliveries
    }
  }
}

type OnUsed = (allowance: SharedAllowance) => void

const nothing: Usage = { messages: 0, bytes: 0, deliveries: 0 }

/** Fewer are not looked through for those that nobody needs. */
const SWEPT_MIN = 1000

/**
 * What users, or addresses, may do. It outlives their connections for as long as any of it is used up: who comes back
 * has no more than before.
 */
export class Allowances {
  readonly rates: Rates
  readonly #clock: Clock
  readonly #byKey = new Map<string, SharedAllowance>()
  #sweptAt = SWEPT_MIN
  #used: SharedAllowance[] = []
  readonly #onUsed: OnUsed | undefined

  /** `tells`: what is used is kept for `drainUsage`. */
  constructor(rates: Rates, clock: Clock, tells: boolean) {
    this.rates = rates
    this.#clock = clock
    this.#onUsed = tells ? (allowance) => void this.#used.push(allowance) : undefined
  }

  get size(): number {
    return this.#byKey.size
  }

  of(key: string): SharedAllowance {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    if (this.#byKey.size >= this.#sweptAt) this.#sweep()
    const allowance = new SharedAllowance(key, this.rates, this.#clock.monotonic(), this.#onUsed)
    this.#byKey.set(key, allowance)
    return allowance
  }

  /** Who used anything since the last call, and what: beginning from nothing again. */
  drainUsage(): Array<readonly [key: string, usage: Usage]> {
    const drained = this.#used.map((allowance) => [allowance.key, allowance.used] as const)
    for (const allowance of this.#used) allowance.used = nothing
    this.#used = []
    return drained
  }

  /** As often as there are twice as many: each costs the same then. */
  #sweep(): void {
    const now = this.#clock.monotonic()
    for (const [key, allowance] of this.#byKey) {
      if (allowance.connections === 0 && allowance.used === nothing && allowance.isWhole(now)) this.#byKey.delete(key)
    }
    this.#sweptAt = Math.max(SWEPT_MIN, this.#byKey.size * 2)
  }
}
