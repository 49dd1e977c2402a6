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
/** What is begun is done, and paid for later: nobody is out for longer. */
const DEBT_SECONDS_MAX = 30
/** What flows in within a millisecond is whole then; V8 keeps small whole numbers in the object, others beside it. */
const PARTS = 1000
/** Of what has no limit there is always so much. */
const UNLIMITED = PARTS
/** With less than this share of its messages left somebody sends faster than most ever do. */
const CALM_SHARE = 0.75

/**
 * What one connection, user or address may still do: token buckets in one object of numbers, as it is asked for every
 * message. What a message weighs is paid after it was let in, so that one larger than all there is gets in, too.
 */
export class Allowance {
  readonly #rates: Rates
  /** In thousandths, as the others are. */
  #messages: number
  #bytes: number
  #deliveries: number
  #filledAt: number

  /** Times are monotonic, in whole milliseconds. */
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
    if (this.#messages < PARTS) return 'messages'
    if (this.#bytes <= 0) return 'bytes'
    return undefined
  }

  /** A good part of the messages that it may send at once was sent. As of the last look. */
  get isBursting(): boolean {
    const rates = this.#rates
    return rates.messages > 0 && this.#messages < burstOf(rates, 'messages') * CALM_SHARE
  }

  /** Whether anything more may be published. */
  mayDeliver(now: number): boolean {
    this.#refill(now)
    return this.#deliveries > 0
  }

  take(messages: number, bytes: number): void {
    const { messages: messageRate, bytes: byteRate } = this.#rates
    if (messageRate > 0) this.#messages -= messages * PARTS
    if (byteRate > 0) this.#bytes -= bytes * PARTS
  }

  takeDeliveries(count: number): void {
    if (this.#rates.deliveries > 0) this.#deliveries -= count * PARTS
  }

  /** What was used elsewhere, too. */
  charge(now: number, { messages, bytes, deliveries }: Usage): void {
    this.#refill(now)
    const rates = this.#rates
    this.#messages = charged(this.#messages, messages, rates.messages)
    this.#bytes = charged(this.#bytes, bytes, rates.bytes)
    this.#deliveries = charged(this.#deliveries, deliveries, rates.deliveries)
  }

  /** How long until there is enough of it again. Of what it is short of, at the last look. */
  waitMs(resource: Resource): number {
    const least = resource === 'messages' ? PARTS : 1
    const rate = this.#rates[resource]
    const left = Math.max(this.#left(resource), -debtOf(rate))
    return Math.max(1, Math.ceil((least - left) / rate))
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
    const elapsedMs = now - this.#filledAt
    // Of many messages in one moment only the first pays for this.
    if (elapsedMs === 0) return
    this.#filledAt = now
    const rates = this.#rates
    this.#messages = refilled(this.#messages, rates.messages, elapsedMs, burstOf(rates, 'messages'))
    this.#bytes = refilled(this.#bytes, rates.bytes, elapsedMs, burstOf(rates, 'bytes'))
    this.#deliveries = refilled(this.#deliveries, rates.deliveries, elapsedMs, burstOf(rates, 'deliveries'))
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

function refilled(left: number, perSecond: number, elapsedMs: number, burst: number): number {
  if (perSecond === 0) return left
  return Math.min(Math.max(left, -debtOf(perSecond)) + perSecond * elapsedMs, burst)
}

function charged(left: number, count: number, perSecond: number): number {
  return perSecond === 0 ? left : Math.max(left - count * PARTS, -debtOf(perSecond))
}

function burstOf(rates: Rates, resource: Resource): number {
  if (rates[resource] === 0) return UNLIMITED
  return PARTS * (resource === 'messages' ? Math.max(rates.messageBurst, 1) : rates[resource] * BURST_SECONDS)
}

function debtOf(perSecond: number): number {
  return PARTS * perSecond * DEBT_SECONDS_MAX
}
