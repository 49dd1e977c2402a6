import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import { type ConnectionPool, tooMany } from '../connections/connection-pool.js'
import { RoomcastError } from '../errors.js'
import { RetryQueue } from '../presence/retry-queue.js'
import { CloseCode } from '../protocol/close-codes.js'
import { anonymousUser, isNamedUser } from '../protocol/ids.js'
import { encodeError } from '../protocol/replies.js'
import type { Presence } from '../store/presence.js'
import type { Removals } from '../store/removals.js'

export interface UserRegistryOptions {
  readonly pool: ConnectionPool
  readonly presence: Presence
  readonly removals: Removals
  readonly clock: Clock
  /** Connections that a user may have on all nodes; 0 where there is no limit, or no other node. */
  readonly connectionsMax: number
  /** A connection has a user now. */
  readonly onIdentified: (connection: Connection) => void
  /** A task in the background that failed. */
  readonly onError: (error: unknown) => void
}

export interface KnownRemoval {
  readonly removalId: string | undefined
}

/** Users that are written again in one step. */
const RECONNECT_PAGE = 500

/** Who is behind the connections of this node. */
export class UserRegistry {
  readonly #options: UserRegistryOptions
  readonly #retries: RetryQueue

  constructor(options: UserRegistryOptions) {
    this.#options = options
    this.#retries = new RetryQueue(options.clock, options.onError)
  }

  /**
   * The connection's user, for a message that needs one (open mode, protocol.md 2.1): the first name given stays, and
   * without one the connection's own anonymous user does. Throws `user_mismatch` or `too_many_connections`.
   */
  require(connection: Connection, named?: string): string {
    if (connection.userId === null) return this.identify(connection, named ?? anonymousUser(connection.id))
    if (named !== undefined && named !== connection.userId) throw new RoomcastError('user_mismatch')
    return connection.userId
  }

  /**
   * Fixes the user of a connection that has none. `known` is given by a session that comes back: the newest removal of its
   * user that it knew of. Throws `too_many_connections`.
   */
  identify(connection: Connection, userId: string, known?: KnownRemoval): string {
    this.#options.pool.checkRoomForUser(userId)
    this.#options.pool.identify(connection, userId)
    void this.#retries.run(connection.id, () => this.#connect(connection, known === undefined))
    if (known === undefined) void this.#note(connection, userId)
    else connection.removalId = known.removalId
    this.#options.onIdentified(connection)
    return userId
  }

  /** It is asked how many connections a user has on other nodes. */
  get areElsewhere(): boolean {
    return this.#options.connectionsMax > 0
  }

  /**
   * Throws `too_many_connections` for a user who has as many on all nodes as there may be. While the store does not
   * answer only those of this node count.
   */
  async checkRoom(userId: string | null): Promise<void> {
    if (userId === null || !this.areElsewhere) return
    const count = await this.#countOf(userId).catch(() => 0)
    if (count >= this.#options.connectionsMax) throw tooMany()
  }

  /** How many connections a user has, and when it was there last: now, for one who is. */
  async state(userId: string): Promise<{ connections: number; lastSeen: number | undefined }> {
    const { presence } = this.#options
    const [[connections = 0], lastSeen] = await Promise.all([presence.connections([userId]), presence.lastSeen(userId)])
    return { connections, lastSeen: connections > 0 ? this.#options.clock.now() : lastSeen }
  }

  /** The connection is gone. */
  async forget({ id, userId }: Connection): Promise<void> {
    if (userId !== null) await this.#retries.run(id, () => this.#options.presence.disconnect(id, userId))
  }

  /** This node counted as dead: writes its users into the presence again. Throws `store_unavailable`. */
  async reconnectAll(): Promise<void> {
    const connections = [...this.#options.pool.all()]
    for (let start = 0; start < connections.length; start += RECONNECT_PAGE) {
      await Promise.all(
        connections.slice(start, start + RECONNECT_PAGE).map((connection) => this.#connect(connection, false))
      )
    }
  }

  /** Nothing more is tried again. */
  close(): void {
    this.#retries.close()
  }

  /** Not tried again: later it could learn of a removal that was meant for it, and take that for an earlier one. */
  async #note(connection: Connection, userId: string): Promise<void> {
    try {
      connection.removalId = (await this.#options.removals.newest(userId, [])).user
    } catch (error) {
      this.#options.onError(error)
    }
  }

  /** One that has gone by now is left out. */
  async #connect(connection: Connection, isNew: boolean): Promise<void> {
    const { id, userId } = connection
    if (userId === null || this.#options.pool.get(id) === undefined) return
    await this.#options.presence.connect(id, userId)
    // Others may have come to other nodes in the same moment: whoever finds too many when it is counted itself goes.
    if (isNew && this.areElsewhere && isNamedUser(userId)) await this.#closeSurplus(connection, userId)
  }

  async #closeSurplus(connection: Connection, userId: string): Promise<void> {
    const count = await this.#countOf(userId).catch(() => 0)
    if (count <= this.#options.connectionsMax || connection.closed) return
    connection.outbox.pushPayload(encodeError(tooMany(), undefined))
    connection.close(CloseCode.Shed)
  }

  async #countOf(userId: string): Promise<number> {
    const [count = 0] = await this.#options.presence.connections([userId])
    return count
  }
}
