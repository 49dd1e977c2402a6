import type { Rates } from './allowance.js'
import type { Operation } from './refusals.js'

/** Of one connection, for each operation: until when what it has done counts. Monotonic, in milliseconds. */
export type OperationTimes = Record<Operation, number>

/** What of a connection is needed here. */
export interface Operating {
  /** Undefined until it has done any. */
  operationTimes: OperationTimes | undefined
}

interface Pace {
  readonly intervalMs: number
  readonly atOnce: number
}

/** Of the rate of messages. */
const shares: Readonly<Record<Operation, number>> = { authenticate: 0.05, join: 0.2, read: 0.2 }
/** The others have the burst of messages: a client comes back to all its rooms at once. Signatures are dear. */
const AUTHENTICATIONS_AT_ONCE = 10

/**
 * How often a connection may do what costs more than a message does. One number each is kept of it: the theoretical
 * arrival time of the generic cell rate algorithm (ITU-T I.371), which lets through what a token bucket does.
 */
export class OperationRates {
  readonly #paces: Readonly<Record<Operation, Pace>>

  constructor({ messages, messageBurst }: Pick<Rates, 'messages' | 'messageBurst'>) {
    const paceOf = (operation: Operation, atOnce: number): Pace => ({
      intervalMs: messages === 0 ? 0 : 1000 / (messages * shares[operation]),
      atOnce: Math.max(atOnce, 1)
    })
    this.#paces = {
      authenticate: paceOf('authenticate', AUTHENTICATIONS_AT_ONCE),
      join: paceOf('join', messageBurst),
      read: paceOf('read', messageBurst)
    }
  }

  /** One of it: 0, or how many milliseconds until one may come. What is refused is not counted. */
  take(connection: Operating, now: number, operation: Operation): number {
    const { intervalMs, atOnce } = this.#paces[operation]
    if (intervalMs === 0) return 0
    connection.operationTimes ??= { authenticate: 0, join: 0, read: 0 }
    const times = connection.operationTimes
    const countsUntil = Math.max(times[operation], now)
    const waitMs = countsUntil - now - (atOnce - 1) * intervalMs
    // Sums of what is no whole number are not exact.
    if (waitMs >= 1) return Math.ceil(waitMs)
    times[operation] = countsUntil + intervalMs
    return 0
  }
}
