import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { ConnectionPool } from '../connections/connection-pool.js'
import { RoomcastError } from '../errors.js'
import { anonymousUser } from '../protocol/ids.js'
import type { Presence } from '../store/presence.js'

export interface UserRegistryOptions {
  readonly pool: ConnectionPool
  readonly presence: Presence
  readonly clock: Clock
  /** A connection has a user now. */
  readonly onIdentified: (connection: Connection) => void
  /** A task in the background that failed. */
  readonly onError: (error: unknown) => void
}

/** Who is behind the connections of this node. */
export class UserRegistry {
  readonly #options: UserRegistryOptions

  constructor(options: UserRegistryOptions) {
    this.#options = options
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

  /** Fixes the user of a connection that has none. Throws `too_many_connections`. */
  identify(connection: Connection, userId: string): string {
    this.#options.pool.checkRoomForUser(userId)
    this.#options.pool.identify(connection, userId)
    this.#options.presence.connect(connection.id, userId).catch(this.#options.onError)
    this.#options.onIdentified(connection)
    return userId
  }

  /** How many connections a user has, and when it was there last: now, for one who is. */
  async state(userId: string): Promise<{ connections: number; lastSeen: number | undefined }> {
    const { presence } = this.#options
    const [[connections = 0], lastSeen] = await Promise.all([presence.connections([userId]), presence.lastSeen(userId)])
    return { connections, lastSeen: connections > 0 ? this.#options.clock.now() : lastSeen }
  }

  /** The connection is gone. */
  async forget({ id, userId }: Connection): Promise<void> {
    if (userId !== null) await this.#options.presence.disconnect(id, userId)
  }

  /** This node counted as dead: writes its users into the presence again. */
  async reconnectAll(): Promise<void> {
    const identified = [...this.#options.pool.all()].filter(({ userId }) => userId !== null)
    await Promise.all(identified.map(({ id, userId }) => this.#options.presence.connect(id, userId as string)))
  }
}
