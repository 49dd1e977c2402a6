import type { Connection } from '../connections/connection.js'
import type { Deadline } from '../deadline.js'
import { RoomcastError } from '../errors.js'
import type { PositionInput } from '../protocol/commands.js'
import type { JoinOutcome, RoomRegistry } from '../rooms/room-registry.js'
import type { Removals } from '../store/removals.js'
import type { OwnedSession, Sessions } from '../store/sessions.js'

export interface RoomReturnOptions {
  readonly rooms: RoomRegistry
  readonly removals: Removals
  readonly sessions: Sessions
  /** The token that a session came by is no longer to be taken. */
  readonly isRevoked: (session: OwnedSession) => boolean
  /** A task in the background that failed. */
  readonly onError: (error: unknown) => void
}

/** How far its client has seen each room, and how long it waits. */
export interface Terms {
  readonly positions: Readonly<Record<string, PositionInput>>
  readonly deadline: Deadline | undefined
}

/** How a session comes back. */
export interface Return extends Terms {
  readonly lost: readonly string[]
}

export interface Rejoined {
  readonly outcomes: readonly JoinOutcome[]
  /** Rooms that the session lost. The connection may be in some of them. */
  readonly removed: readonly string[]
}

/** Brings connections back into the rooms of the session that they resume. */
export class RoomReturn {
  readonly #options: RoomReturnOptions

  constructor(options: RoomReturnOptions) {
    this.#options = options
  }

  /**
   * Rooms that its user was put out of since, or may be in no longer. Throws `session_not_found` where it was put out of
   * everything or its token was revoked, and `store_unavailable`.
   */
  async lostOf(connection: Connection, session: OwnedSession): Promise<string[]> {
    const kicked = await this.#kickedOf(session)
    const { access } = this.#options.rooms
    const forbidden = await access.forbiddenOf(connection, session.userId, Object.keys(session.rooms))
    return [...new Set([...kicked, ...forbidden])]
  }

  /** Lets the connection into the session's rooms. Where it fails, the deadline included, the connection is in none. */
  async rejoin(connection: Connection, session: OwnedSession, comeback: Return): Promise<Rejoined> {
    const { rooms } = this.#options
    try {
      const outcomes = await this.#joinAll(connection, session, comeback)
      // A kick in the meantime found nobody in the room.
      const removed = [...new Set([...comeback.lost, ...(await this.#kickedOf(session))])]
      comeback.deadline?.commit()
      return { outcomes, removed }
    } catch (error) {
      await rooms.leaveAll(connection).catch(this.#options.onError)
      throw error
    }
  }

  async #kickedOf(session: OwnedSession): Promise<string[]> {
    const { sessionId, userId, generation, removalId, rooms } = session
    const names = Object.keys(rooms)
    const newest = await this.#options.removals.newest(userId, names)
    const isRemoved = newest.user !== undefined && newest.user !== removalId
    if (isRemoved || this.#options.isRevoked(session)) {
      await this.#options.sessions.end(sessionId, generation)
      throw new RoomcastError('session_not_found')
    }
    return names.filter((room, index) => {
      const newestOfRoom = newest.rooms[index]
      return newestOfRoom !== undefined && newestOfRoom !== rooms[room]?.removalId
    })
  }

  async #joinAll(
    connection: Connection,
    session: OwnedSession,
    { lost, positions, deadline }: Return
  ): Promise<JoinOutcome[]> {
    const allowed = Object.entries(session.rooms).filter(([room]) => !lost.includes(room))
    const joins = allowed.map(([room, confirmed]) => {
      const given = Object.hasOwn(positions, room) ? positions[room] : undefined
      const since = given ?? { epoch: confirmed.epoch, offset: confirmed.offset, message_id: confirmed.messageId }
      return this.#options.rooms.join(connection, { room, since, known: { removalId: confirmed.removalId } }, deadline)
    })
    // Each has to be over before anything is undone.
    await Promise.allSettled(joins)
    return await Promise.all(joins)
  }
}
