import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { Deadline } from '../deadline.js'
import { Deadlines } from '../deadlines.js'
import { RoomcastError } from '../errors.js'
import { CloseCode } from '../protocol/close-codes.js'
import { encodeTokenExpiring, formatTime } from '../protocol/pushes.js'
import type { AuthenticateReply } from '../protocol/replies.js'
import type { RoomRegistry } from '../rooms/room-registry.js'
import type { SessionRegistry } from '../sessions/session-registry.js'
import type { UserRegistry } from '../users/user-registry.js'
import { Alarms } from './alarms.js'
import type { TokenGrant } from './grant.js'
import type { RevocationRegistry } from './revocation-registry.js'
import type { TokenVerifier } from './token-verifier.js'

export interface AuthenticatorOptions {
  /** Undefined in open mode: everybody may do everything then, under any name. */
  readonly verifier: TokenVerifier | undefined
  readonly revocations: Pick<RevocationRegistry, 'isRevoked'>
  readonly clock: Clock
  readonly users: UserRegistry
  readonly rooms: RoomRegistry
  readonly sessions: SessionRegistry
}

/** A connection without a grant. */
interface Awaited {
  /** The user that its handshake named. */
  readonly userId: string | null
  /** Its time no longer runs. */
  readonly end: () => void
}

/** Without a token by then a connection is closed (protocol.md 2.7). */
const AUTHENTICATION_MS = 10_000
/** How long before its end a client is told to get another token. */
const WARNING_MS = 30_000

/** Who may be on the connections of this node, and for how long. */
export class Authenticator {
  readonly #options: AuthenticatorOptions
  readonly #deadlines: Deadlines
  readonly #alarms: Alarms<Connection>
  readonly #awaited = new Map<Connection, Awaited>()

  constructor(options: AuthenticatorOptions) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, AUTHENTICATION_MS)
    this.#alarms = new Alarms(options.clock, (connection) => this.#onAlarm(connection))
  }

  /** Whether connections need a token. */
  get required(): boolean {
    return this.#options.verifier !== undefined
  }

  /** What a token grants. Throws `unauthenticated` and `store_unavailable`. */
  async verify(token: string): Promise<TokenGrant> {
    const { verifier } = this.#options
    if (verifier === undefined) throw new RoomcastError('unauthenticated', { message: 'This server takes no tokens' })
    const grant = await verifier.verify(token)
    this.#checkRevoked(grant)
    return grant
  }

  /**
   * Takes a new connection in, as the user that its handshake told, null where it told none. Throws
   * `too_many_connections`.
   */
  admit(connection: Connection, userId: string | null): void {
    const { grant } = connection
    if (grant === undefined) this.#await(connection, userId)
    // Between its handshake and now.
    else if (this.#options.revocations.isRevoked(grant)) connection.close(CloseCode.Disconnected)
    else if (userId !== null) this.#admitAs(connection, userId)
  }

  /**
   * Gives a connection what a token grants, from now on, also where it has a grant already: rooms that it may be in no
   * longer, by the token or by their family, are left. Throws `unauthenticated`, `user_mismatch`, `too_many_connections`,
   * `store_unavailable` and what a family throws, and then nothing has changed.
   */
  async authenticate(connection: Connection, token: string, deadline: Deadline): Promise<AuthenticateReply> {
    const grant = await this.verify(token)
    const { userId, expiresAt } = grant
    const known = connection.userId ?? this.#awaited.get(connection)?.userId ?? userId
    if (known !== userId) throw new RoomcastError('user_mismatch')
    const { rooms, sessions, users } = this.#options
    if (connection.userId === null) await users.checkRoom(userId)
    const forbidden = await rooms.access.forbiddenOf({ grant }, userId, rooms.roomsOf(connection))
    this.#checkRevoked(grant)
    if (connection.closed) throw new RoomcastError('unauthenticated')
    deadline.commit()
    if (connection.userId === null) users.identify(connection, userId)
    connection.grant = grant
    this.#stopAwaiting(connection)
    this.#watch(connection)
    sessions.regranted(connection)
    await deadline.within(this.#leave(connection, forbidden))
    return { user_id: userId, expires_at: formatTime(expiresAt) }
  }

  /** The connection is gone. Idempotent. */
  forget(connection: Connection): void {
    this.#stopAwaiting(connection)
    this.#alarms.delete(connection)
  }

  close(): void {
    this.#alarms.close()
  }

  #admitAs(connection: Connection, userId: string): void {
    try {
      this.#options.users.identify(connection, userId)
      this.#watch(connection)
    } catch (error) {
      // Without its user it must do nothing. It may try again while it is waited for.
      if (this.required) this.#await(connection, userId)
      throw error
    }
  }

  #await(connection: Connection, userId: string | null): void {
    connection.grant = undefined
    const end = this.#deadlines.begin(() => connection.close(CloseCode.Unauthenticated))
    this.#awaited.set(connection, { userId, end })
  }

  #stopAwaiting(connection: Connection): void {
    this.#awaited.get(connection)?.end()
    this.#awaited.delete(connection)
  }

  /** A token that has not so long any more is warned of when half of that is over: not at once, again and again. */
  #watch(connection: Connection): void {
    const { expiresAt = Number.POSITIVE_INFINITY } = connection.grant ?? {}
    if (expiresAt === Number.POSITIVE_INFINITY) return
    const leftMs = expiresAt - this.#options.clock.now()
    this.#alarms.set(connection, expiresAt - (leftMs > WARNING_MS ? WARNING_MS : leftMs / 2))
  }

  #onAlarm(connection: Connection): void {
    const { expiresAt = 0 } = connection.grant ?? {}
    if (this.#options.clock.now() >= expiresAt) {
      connection.close(CloseCode.Unauthenticated)
      return
    }
    connection.outbox.pushPayload(encodeTokenExpiring(expiresAt))
    this.#alarms.set(connection, expiresAt)
  }

  async #leave(connection: Connection, forbidden: readonly string[]): Promise<void> {
    const { rooms, sessions } = this.#options
    const left = rooms.dismiss(connection, forbidden)
    await Promise.all([left, ...forbidden.map((room) => sessions.left(connection, room))])
  }

  #checkRevoked(grant: TokenGrant): void {
    if (!this.#options.revocations.isRevoked(grant)) return
    throw new RoomcastError('unauthenticated', { message: 'The token was revoked' })
  }
}
