/** One connection of a user in a room. */
export interface Membership {
  readonly room: string
  readonly connectionId: string
  readonly userId: string
}

export interface Counts {
  /** Users in the room over all nodes. */
  readonly users: number
  /** Their connections. */
  readonly connections: number
}

/** What one join or leave came to. */
export interface PresenceChange extends Counts {
  readonly room: string
  readonly userId: string
  /** The user came with this connection, or left with it. False where another connection of the user is there. */
  readonly userChanged: boolean
}

export interface Member {
  readonly userId: string
  readonly connections: number
  /** Milliseconds since 1970, of the user's first connection. */
  readonly joinedAt: number
}

/** `cursor` is what the last page gave, and undefined for the first. Opaque. */
export interface PageQuery {
  readonly limit: number
  readonly cursor?: string | undefined
}

export interface RoomCounts extends Counts {
  readonly room: string
}

/** Who is in which room, and who is connected, over all nodes. Counts are counters, never scans. */
export interface Presence {
  /**
   * Adds connections to rooms. Idempotent by connection id: a repetition changes nothing and has `userChanged` false.
   * The answer is in the order asked.
   */
  join(memberships: readonly Membership[]): Promise<PresenceChange[]>
  /** Takes connections out of rooms. Idempotent: one that is not there changes nothing. In the order asked. */
  leave(memberships: readonly Membership[]): Promise<PresenceChange[]>
  /** Zeros for a room that nobody is in. In the order asked. */
  counts(rooms: readonly string[]): Promise<Counts[]>
  /** Users of a room in a stable order; one who stays throughout is listed at least once. */
  members(room: string, query: PageQuery): Promise<{ members: Member[]; nextCursor: string | undefined }>
  /** Rooms with members whose name begins with `prefix`, each at most once, in a stable order. */
  rooms(query: PageQuery & { readonly prefix: string }): Promise<{
    rooms: RoomCounts[]
    nextCursor: string | undefined
  }>
  /** A connection became known as a user's. Idempotent by connection id. */
  connect(connectionId: string, userId: string): Promise<void>
  /** The connection is gone. Idempotent. */
  disconnect(connectionId: string, userId: string): Promise<void>
  /** How many connections each user has, in the order asked. */
  connections(userIds: readonly string[]): Promise<number[]>
  /**
   * When the user's last connection went, in milliseconds since 1970; undefined where that is not known (any more).
   * Of a user who is there it tells the time before.
   */
  lastSeen(userId: string): Promise<number | undefined>
  /** Users with a connection, and rooms with members. */
  totals(): Promise<{ users: number; rooms: number }>
}
