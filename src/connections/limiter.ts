import type { Clock } from '../clock.js'
import { RoomcastError } from '../errors.js'
import type { CommandType } from '../protocol/commands.js'
import { type Allowance, type Rates, type Resource, timesRates, type Usage } from './allowance.js'
import type { Connection } from './connection.js'
import { OperationRates } from './operation-rates.js'
import { type Holder, type LimitReason, type Operation, Refusals } from './refusals.js'
import { Allowances, type SharedAllowance } from './shared-allowances.js'

export interface LimiterOptions {
  /** Of one connection. */
  readonly rates: Rates
  /** As how many connections a user may do, and an address, all of theirs together; 0 for no limit. */
  readonly userFactor: number
  readonly addressFactor: number
  /** Other nodes are told what users do here: it is kept until `users.drainUsage`. */
  readonly tellsUsers: boolean
  readonly clock: Clock
}

/** So many messages of its user and its address a new connection counts for, where as many may come at once. */
const HANDSHAKE_MESSAGES = 5

/** Messages of one that sends many at once that may come in a turn: others have their turns in between. */
const BURST_SLICE = 16

/** Commands that have a rate of their own besides the one of all messages. */
const operationOf: Readonly<Partial<Record<CommandType, Operation>>> = {
  authenticate: 'authenticate',
  join_room: 'join',
  resume: 'join',
  read_history: 'read',
  list_members: 'read'
}

/** How much connections, users and addresses may do on this node. Nothing here waits for anything. */
export class Limiter {
  readonly refusals = new Refusals()
  readonly users: Allowances | undefined
  readonly #addresses: Allowances | undefined
  readonly #rates: Rates
  readonly #clock: Clock
  readonly #operations: OperationRates
  /** Messages of those who send many at once. */
  #inBursts = 0

  constructor({ rates, userFactor, addressFactor, tellsUsers, clock }: LimiterOptions) {
    // Who lifts the limit of messages lifts them all.
    const limits = rates.messages > 0
    this.#rates = limits ? rates : { ...rates, bytes: 0, deliveries: 0 }
    this.#clock = clock
    this.#operations = new OperationRates(this.#rates)
    const allowances = (factor: number, tells: boolean) =>
      limits && factor > 0 ? new Allowances(timesRates(rates, factor), clock, tells) : undefined
    this.users = allowances(userFactor, tellsUsers)
    this.#addresses = allowances(addressFactor, false)
  }

  /** Of one connection. */
  get rates(): Rates {
    return this.#rates
  }

  /** It matters where connections come from. */
  get countsAddresses(): boolean {
    return this.#addresses !== undefined
  }

  /** A handshake from this address. Throws `rate_limited`. */
  takeAddress(address: string): void {
    if (this.#addresses !== undefined) this.#takeHandshake('address', this.#addresses.of(address))
  }

  /** A handshake of this user. Throws `rate_limited`. */
  takeUser(userId: string): void {
    if (this.users !== undefined) this.#takeHandshake('user', this.users.of(userId))
  }

  /** A connection is there. */
  onAdded(connection: Connection): void {
    connection.addressAllowance = held(this.#addresses?.of(connection.address))
  }

  onIdentified(connection: Connection, userId: string): void {
    connection.userAllowance = held(this.users?.of(userId))
  }

  onRemoved({ userAllowance, addressAllowance }: Connection): void {
    if (userAllowance !== undefined) userAllowance.connections--
    if (addressAllowance !== undefined) addressAllowance.connections--
  }

  /**
   * One message, whatever it is: 0, or how many milliseconds until one may come. What is refused is not counted.
   * Of what a connection sends at once some is heard in a turn of the event loop, and the rest in the next ones.
   */
  take(connection: Connection, now: number, bytes: number): number {
    const retryAfterMs = this.#takeMessage(connection, now, bytes)
    const isBursting = retryAfterMs > 0 || connection.allowance.isBursting
    if (isBursting) this.#inBursts++
    connection.deferNext(isBursting && this.#inBursts % BURST_SLICE === 0)
    return retryAfterMs
  }

  /** One command, by its operation: 0, or how many milliseconds until one may come. */
  takeOperation(connection: Connection, now: number, type: CommandType): number {
    const operation = operationOf[type]
    if (operation === undefined || this.#rates.messages === 0) return 0
    const retryAfterMs = this.#operations.take(connection, now, operation)
    if (retryAfterMs > 0) this.refusals.limits[`connection_${operation}`]++
    return retryAfterMs
  }

  /** A publish that so many on this node will hear. Throws `rate_limited`. */
  takeDeliveries({ allowance, userAllowance, addressAllowance }: Connection, count: number): void {
    if (this.#rates.deliveries === 0) return
    const now = this.#clock.monotonic()
    const each = { connection: allowance, user: userAllowance, address: addressAllowance }
    for (const holder in each) {
      const of = each[holder as Holder]
      if (of?.mayDeliver(now) !== false) continue
      throw new RoomcastError('rate_limited', { retryAfterMs: this.#refuse(holder as Holder, of, 'deliveries') })
    }
    allowance.takeDeliveries(count)
    userAllowance?.takeDeliveries(count)
    addressAllowance?.takeDeliveries(count)
  }

  /** What a user did on another node. */
  chargeUser(userId: string, usage: Usage): void {
    this.users?.of(userId).charge(this.#clock.monotonic(), usage)
  }

  #takeMessage({ allowance, userAllowance, addressAllowance }: Connection, now: number, bytes: number): number {
    const short = allowance.shortFor(now)
    if (short !== undefined) return this.#refuse('connection', allowance, short)
    const shortOfUser = userAllowance?.shortFor(now)
    if (shortOfUser !== undefined) return this.#refuse('user', userAllowance as Allowance, shortOfUser)
    const shortOfAddress = addressAllowance?.shortFor(now)
    if (shortOfAddress !== undefined) return this.#refuse('address', addressAllowance as Allowance, shortOfAddress)
    allowance.take(1, bytes)
    userAllowance?.take(1, bytes)
    addressAllowance?.take(1, bytes)
    return 0
  }

  #takeHandshake(holder: Holder, allowance: Allowance): void {
    const short = allowance.shortFor(this.#clock.monotonic())
    if (short !== undefined) {
      throw new RoomcastError('rate_limited', { retryAfterMs: this.#refuse(holder, allowance, short) })
    }
    allowance.take(Math.min(HANDSHAKE_MESSAGES, this.#rates.messageBurst), 0)
  }

  #refuse(holder: Holder, allowance: Allowance, resource: Resource): number {
    this.refusals.limits[`${holder}_${resource}` satisfies LimitReason]++
    return allowance.waitMs(resource)
  }
}

function held(allowance: SharedAllowance | undefined): SharedAllowance | undefined {
  if (allowance !== undefined) allowance.connections++
  return allowance
}
