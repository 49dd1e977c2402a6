/** A second, on average; 0 for no limit. */
export interface Rates {
  readonly messages: number
  /** Messages at once. */
  readonly messageBurst: number
  readonly bytes: number
  /** What its publishes come to: a message to a room counts once for each who hears it. */
  readonly deliveries: number
}

/** What there is a limit of. */
export const resources = ['messages', 'bytes', 'deliveries'] as const
export type Resource = (typeof resources)[number]

/** What was used of each. */
export type Usage = Readonly<Record<Resource, number>>

/** Of bytes and deliveries there is so much at once. */
const BURST_SECONDS = 2
const REFILL_MS = 1
/** What is begun is done, and paid for later: nobody is out for longer. */
const DEBT_SECONDS_MAX = 30

/**
 * What one connection, user or address may still do: token buckets in one object of numbers, as it is asked for every
 * message. What a message weighs is paid after it was let in, so that one larger than all there is gets in, too.
 */
export class Allowance {
  readonly #rates: Rates
  #messages: number
  #bytes: number
  #deliveries: number
  #filledAt: number

  /** Times are monotonic, in milliseconds. */
  constructor(rates: Rates, now: number) {
    this.#rates = rates
    this.#messages = burstOf(rates, 'messages')
    this.#bytes = burstOf(rates, 'bytes')
    this.#deliveries = burstOf(rates, 'deliveries')
    this.#filledAt = now
  }

  /** What there is too little of for one more message; undefined where it may come. */
  shortFor(now: number): 'messages' | 'bytes' | undefined {
    this.#refill(now)
    if (this.#messages < 1) return 'messages'
    if (this.#bytes <= 0) return 'bytes'
    return undefined
  }

  /** Whether anything more may be published. */
  mayDeliver(now: number): boolean {
    this.#refill(now)
    return this.#deliveries > 0
  }

  take(messages: number, bytes: number): void {
    this.#messages -= messages
    this.#bytes -= bytes
  }

  takeDeliveries(count: number): void {
    this.#deliveries -= count
  }

  /** What was used elsewhere, too. */
  charge(now: number, { messages, bytes, deliveries }: Usage): void {
    this.#refill(now)
    this.#messages = Math.max(this.#messages - messages, -debtOf(this.#rates.messages))
    this.#bytes = Math.max(this.#bytes - bytes, -debtOf(this.#rates.bytes))
    this.#deliveries = Math.max(this.#deliveries - deliveries, -debtOf(this.#rates.deliveries))
  }

  /** How long until there is enough of it again. Of what it is short of, at the last look. */
  waitMs(resource: Resource): number {
    const least = resource === 'messages' ? 1 : Number.MIN_VALUE
    const rate = this.#rates[resource]
    const left = Math.max(this.#left(resource), -debtOf(rate))
    return Math.max(1, Math.ceil(((least - left) / rate) * 1000))
  }

  /** Nothing of it is used: a new one would be the same. */
  isWhole(now: number): boolean {
    this.#refill(now)
    return resources.every((resource) => this.#left(resource) >= burstOf(this.#rates, resource))
  }

  #left(resource: Resource): number {
    if (resource === 'messages') return this.#messages
    return resource === 'bytes' ? this.#bytes : this.#deliveries
  }

  #refill(now: number): void {
    // Of many messages in one moment only the first pays for this.
    if (now - this.#filledAt < REFILL_MS) return
    const { messages, messageBurst, bytes, deliveries } = this.#rates
    const seconds = (now - this.#filledAt) / 1000
    this.#filledAt = now
    if (messages > 0) this.#messages = Math.min(messageBurst, refilled(this.#messages, messages, seconds))
    if (bytes > 0) this.#bytes = Math.min(bytes * BURST_SECONDS, refilled(this.#bytes, bytes, seconds))
    if (deliveries > 0) {
      this.#deliveries = Math.min(deliveries * BURST_SECONDS, refilled(this.#deliveries, deliveries, seconds))
    }
  }
}

/** Rates of somebody who may do as much as so many connections. */
export function timesRates({ messages, messageBurst, bytes, deliveries }: Rates, factor: number): Rates {
  return {
    messages: messages * factor,
    messageBurst: messageBurst * factor,
    bytes: bytes * factor,
    deliveries: deliveries * factor
  }
}

function refilled(left: number, perSecond: number, seconds: number): number {
  return Math.max(left, -debtOf(perSecond)) + perSecond * seconds
}

function burstOf(rates: Rates, resource: Resource): number {
  if (rates[resource] === 0) return Number.POSITIVE_INFINITY
  return resource === 'messages' ? Math.max(rates.messageBurst, 1) : rates[resource] * BURST_SECONDS
}

function debtOf(perSecond: number): number {
  return perSecond === 0 ? Number.POSITIVE_INFINITY : perSecond * DEBT_SECONDS_MAX
}
