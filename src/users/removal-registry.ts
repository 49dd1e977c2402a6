import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { ConnectionPool } from '../connections/connection-pool.js'
import type { ControlChannel, ControlListener } from '../control/control-channel.js'
import type { ControlEntry } from '../control/control-entries.js'
import type { RetryQueue } from '../presence/retry-queue.js'
import { CloseCode } from '../protocol/close-codes.js'
import type { Random } from '../random.js'
import type { Expulsion, RoomRegistry } from '../rooms/room-registry.js'
import type { SessionRegistry } from '../sessions/session-registry.js'
import type { Presence } from '../store/presence.js'
import type { Removals } from '../store/removals.js'

export interface RemovalRegistryOptions {
  readonly removals: Removals
  readonly presence: Presence
  readonly clock: Clock
  readonly random: Random
  readonly control: ControlChannel
  readonly pool: ConnectionPool
  readonly rooms: RoomRegistry
  readonly sessions: SessionRegistry
  readonly retries: RetryQueue
}

/** Connections that are looked up side by side. */
const LOOK_UP_PAGE = 100

/** What the backend puts users out of: a room, or everything. */
export class RemovalRegistry implements ControlListener {
  readonly #options: RemovalRegistryOptions

  constructor(options: RemovalRegistryOptions) {
    this.#options = options
    options.control.subscribe(this)
  }

  /**
   * Puts a user out of a room, on all nodes and in the sessions that wait for their clients; it may join again. Throws
   * `store_unavailable`; doing it again is safe.
   */
  async kick(room: string, userId: string): Promise<void> {
    const { removals, control } = this.#options
    const removal = this.#newRemoval()
    await removals.record(removal, userId, room)
    await control.announce({ type: 'kick', room, user: userId, removal })
  }

  /**
   * Closes a user's connections on all nodes and ends its sessions. Answers how many connections there were. Throws
   * `store_unavailable`; doing it again is safe.
   */
  async disconnect(userId: string): Promise<number> {
    const { removals, presence, control } = this.#options
    const [connections = 0] = await presence.connections([userId])
    const removal = this.#newRemoval()
    await removals.record(removal, userId)
    await control.announce({ type: 'disconnect', user: userId, removal })
    return connections
  }

  async apply(entry: ControlEntry): Promise<void> {
    if (entry.type === 'kick') {
      await this.#expel(this.#options.pool.ofUser(entry.user), {
        room: entry.room,
        userId: entry.user,
        removalId: entry.removal
      })
    } else if (entry.type === 'disconnect') {
      for (const connection of [...this.#options.pool.ofUser(entry.user)]) closeUnlessNewer(connection, entry.removal)
      this.#options.rooms.endGraceOf(entry.user, entry.removal)
    }
  }

  async lookUp(): Promise<void> {
    await this.#options.retries.run('look up', async () => {
      const connections = [...this.#options.pool.all()].filter(({ userId }) => userId !== null)
      for (let start = 0; start < connections.length; start += LOOK_UP_PAGE) {
        const page = connections.slice(start, start + LOOK_UP_PAGE)
        await Promise.all(page.map((connection) => this.#lookUp(connection)))
      }
    })
  }

  #newRemoval(): string {
    const { clock, random } = this.#options
    return random.timeUuid(clock.now())
  }

  async #lookUp(connection: Connection): Promise<void> {
    const { removals, rooms } = this.#options
    const userId = connection.userId ?? ''
    const names = rooms.roomsOf(connection)
    const newest = await removals.newest(userId, names)
    if (newest.user !== undefined) closeUnlessNewer(connection, newest.user)
    for (const [index, room] of names.entries()) {
      const removalId = newest.rooms[index]
      if (removalId !== undefined) await this.#expel([connection], { room, userId, removalId })
    }
  }

  async #expel(connections: Iterable<Connection>, expulsion: Expulsion): Promise<void> {
    const { rooms, sessions } = this.#options
    const out = await rooms.expel(connections, expulsion)
    await Promise.all(out.map((connection) => sessions.left(connection, expulsion.room)))
  }
}

/** One that knew of this removal when it came has come after it. */
function closeUnlessNewer(connection: Connection, removalId: string): void {
  if (connection.removalId !== removalId) connection.close(CloseCode.Disconnected)
}
