import { addTo, type Few, hasItem, removeFrom, sizeOf, withItem, withoutItem } from '../../few.js'
import { isNamedUser } from '../../protocol/ids.js'
import { answered } from '../answered.js'
import type { Counts, Member, Membership, PageQuery, Presence, PresenceChange, RoomCounts } from '../presence.js'
import type { EmbeddedRecords } from './embedded-records.js'
import { pageOf } from './page-of.js'

interface PresentUser {
  readonly joinedAt: number
  connectionIds: Few<string>
}

interface PresentRoom {
  readonly users: Map<string, PresentUser>
  connections: number
}

const SEEN = 'seen'

/** Presence of one process: gone with it, as its connections are. */
export class EmbeddedPresence implements Presence {
  readonly #rooms = new Map<string, PresentRoom>()
  readonly #online = new Map<string, Few<string>>()
  readonly #now: () => number
  readonly #records: EmbeddedRecords
  readonly #seenTtlMs: number

  /** `seenTtlMs` is how long it is known when a user was there last. */
  constructor(now: () => number, records: EmbeddedRecords, seenTtlMs: number) {
    this.#now = now
    this.#records = records
    this.#seenTtlMs = seenTtlMs
  }

  async join(memberships: readonly Membership[]): Promise<PresenceChange[]> {
    return memberships.map((membership) => this.#join(membership))
  }

  async leave(memberships: readonly Membership[]): Promise<PresenceChange[]> {
    return memberships.map((membership) => this.#leave(membership))
  }

  async counts(rooms: readonly string[]): Promise<Counts[]> {
    return rooms.map((room) => countsOf(this.#rooms.get(room)))
  }

  async members(room: string, query: PageQuery): Promise<{ members: Member[]; nextCursor: string | undefined }> {
    const userIds = [...(this.#rooms.get(room)?.users.keys() ?? [])].sort()
    const { page, nextCursor } = pageOf(userIds, query)
    return { members: page.map((userId) => this.#member(room, userId)), nextCursor }
  }

  async rooms({ prefix, ...query }: PageQuery & { prefix: string }): Promise<{
    rooms: RoomCounts[]
    nextCursor: string | undefined
  }> {
    const names = [...this.#rooms.keys()].filter((room) => room.startsWith(prefix)).sort()
    const { page, nextCursor } = pageOf(names, query)
    return { rooms: page.map((room) => ({ room, ...countsOf(this.#rooms.get(room)) })), nextCursor }
  }

  async connect(connectionId: string, userId: string): Promise<void> {
    addTo(this.#online, userId, connectionId)
  }

  async disconnect(connectionId: string, userId: string): Promise<void> {
    if (!hasItem(this.#online.get(userId), connectionId)) return
    removeFrom(this.#online, userId, connectionId)
    if (this.#online.has(userId)) return
    // Nobody comes back under such a name.
    if (isNamedUser(userId)) await answered(this.#records.put([SEEN, userId], this.#now()))
  }

  async lastSeen(userId: string): Promise<number | undefined> {
    const seenAt = this.#records.get<number>([SEEN, userId])
    return seenAt !== undefined && this.#now() - seenAt < this.#seenTtlMs ? seenAt : undefined
  }

  /** Forgets who was not there for too long. */
  async sweep(): Promise<void> {
    await this.#records.sweep<number>(SEEN, (seenAt) => this.#now() - seenAt >= this.#seenTtlMs)
  }

  async connections(userIds: readonly string[]): Promise<number[]> {
    return userIds.map((userId) => sizeOf(this.#online.get(userId)))
  }

  async totals(): Promise<{ users: number; rooms: number }> {
    return { users: this.#online.size, rooms: this.#rooms.size }
  }

  #join({ room, userId, connectionId }: Membership): PresenceChange {
    const present = this.#rooms.get(room) ?? { users: new Map<string, PresentUser>(), connections: 0 }
    this.#rooms.set(room, present)
    const user = present.users.get(userId)
    const userChanged = user === undefined
    if (userChanged) {
      present.users.set(userId, { joinedAt: this.#now(), connectionIds: connectionId })
      present.connections++
    } else if (!hasItem(user.connectionIds, connectionId)) {
      user.connectionIds = withItem(user.connectionIds, connectionId)
      present.connections++
    }
    return { room, userId, userChanged, ...countsOf(present) }
  }

  #leave({ room, userId, connectionId }: Membership): PresenceChange {
    const present = this.#rooms.get(room)
    const user = present?.users.get(userId)
    if (present === undefined || user === undefined || !hasItem(user.connectionIds, connectionId)) {
      return { room, userId, userChanged: false, ...countsOf(present) }
    }
    user.connectionIds = withoutItem(user.connectionIds, connectionId)
    present.connections--
    const userChanged = user.connectionIds === undefined
    if (userChanged) present.users.delete(userId)
    if (present.users.size === 0) this.#rooms.delete(room)
    return { room, userId, userChanged, ...countsOf(present) }
  }

  #member(room: string, userId: string): Member {
    const user = this.#rooms.get(room)?.users.get(userId)
    return { userId, connections: sizeOf(user?.connectionIds), joinedAt: user?.joinedAt ?? 0 }
  }
}

function countsOf(room: PresentRoom | undefined): Counts {
  return { users: room?.users.size ?? 0, connections: room?.connections ?? 0 }
}
