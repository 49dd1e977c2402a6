import { RoomcastError } from '../errors.js'
import { addTo, type Few, itemsOf, removeFrom, sizeOf } from '../few.js'
import { Chunk } from './chunk.js'
import type { Connection } from './connection.js'
import type { Limiter } from './limiter.js'

export interface PoolLimits {
  readonly connectionsMax: number
  /** 0: no limit. */
  readonly perAddressMax: number
  /** 0: no limit. */
  readonly perUserMax: number
}

/** How long a client that was refused should wait. */
const RETRY_AFTER_MS = 5000

/** The connections of this node, by id, user and address. Each change costs the same however many there are. */
export class ConnectionPool {
  readonly #limits: PoolLimits
  readonly #limiter: Limiter | undefined
  readonly #byId = new Map<string, Connection>()
  readonly #byUser = new Map<string, Few<Connection>>()
  /** Empty where there is no limit for an address. */
  readonly #byAddress = new Map<string, Few<Connection>>()

  constructor(limits: PoolLimits, limiter?: Limiter) {
    this.#limits = limits
    this.#limiter = limiter
  }

  get size(): number {
    return this.#byId.size
  }

  get userCount(): number {
    return this.#byUser.size
  }

  /** Connections with more bytes queued than they may have. */
  get laggingCount(): number {
    let count = 0
    for (const { outbox } of this.#byId.values()) if (outbox.lagging) count++
    return count
  }

  get(id: string): Connection | undefined {
    return this.#byId.get(id)
  }

  all(): IterableIterator<Connection> {
    return this.#byId.values()
  }

  ofUser(userId: string): Iterable<Connection> {
    return itemsOf(this.#byUser.get(userId))
  }

  /** Throws `overloaded` (503) at the node's limit, `too_many_connections` (429) at the address's or the user's. */
  checkRoom(address: string, userId: string | null): void {
    const { connectionsMax, perAddressMax } = this.#limits
    if (this.#byId.size >= connectionsMax) throw new RoomcastError('overloaded', { retryAfterMs: RETRY_AFTER_MS })
    if (isFull(this.#byAddress.get(address), perAddressMax)) throw tooMany()
    if (userId !== null) this.checkRoomForUser(userId)
  }

  /** Throws `too_many_connections` at the user's limit. */
  checkRoomForUser(userId: string): void {
    if (isFull(this.#byUser.get(userId), this.#limits.perUserMax)) throw tooMany()
  }

  add(connection: Connection): void {
    this.#byId.set(connection.id, connection)
    if (this.#limits.perAddressMax > 0) addTo(this.#byAddress, connection.address, connection)
    this.#limiter?.onAdded(connection)
  }

  /** Files the connection under its user, who must not change afterwards. */
  identify(connection: Connection, userId: string): void {
    connection.userId = userId
    addTo(this.#byUser, userId, connection)
    this.#limiter?.onIdentified(connection, userId)
  }

  /** Idempotent. */
  remove(connection: Connection): void {
    if (!this.#byId.delete(connection.id)) return
    this.#limiter?.onRemoved(connection)
    removeFrom(this.#byAddress, connection.address, connection)
    if (connection.userId !== null) removeFrom(this.#byUser, connection.userId, connection)
  }

  /** Sends one message to every connection that may hear anything, but those left out. Returns to how many. */
  broadcast(payload: Buffer, except: ReadonlySet<string> = new Set()): number {
    const chunk = new Chunk([payload])
    let count = 0
    for (const connection of this.#byId.values()) {
      const { closed, grant, outbox } = connection
      if (closed || grant === undefined || outbox.lagging || except.has(connection.id)) continue
      outbox.push(chunk)
      count++
    }
    return count
  }
}

/** An address or a user has as many connections as it may. */
export function tooMany(): RoomcastError {
  return new RoomcastError('too_many_connections', { retryAfterMs: RETRY_AFTER_MS })
}

function isFull(connections: Few<Connection>, max: number): boolean {
  return max > 0 && sizeOf(connections) >= max
}
