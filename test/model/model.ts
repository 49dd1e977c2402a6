import { type StreamLimits, StreamModel } from './stream-model.js'

export interface ModelLimits {
  readonly rooms: StreamLimits
  readonly inboxes: StreamLimits
  readonly graceMs: number
  readonly sessionMs: number
  /** A device that is unused for so long is a new one; Infinity where no test waits for that. */
  readonly deviceMs: number
  readonly previousTokenMs: number
}

/** How far a session is known to have received a room: the replay of a return begins between the two. */
export interface Place {
  /** What is in the store for certain. */
  lo: number
  /** What was confirmed: written when the session is, and at the end. */
  hi: number
  /** It came back without a position while its last one was not written, perhaps: either may hold now. */
  either?: boolean
}

/** What outlives a drop. */
export interface SessionModel {
  readonly id: string
  user: string | null
  token: string
  previous: { readonly token: string; readonly until: number } | undefined
  readonly places: Map<string, Place>
  /** What its client has seen of each room. */
  readonly books: Map<string, number>
  /** Rooms that were taken from it while it waited. */
  readonly lost: Set<string>
  /** It joined a room once. */
  kept: boolean
  /** Since when it waits for its client. */
  releasedAt: number | undefined
  over: boolean
}

/** One connection's ear in a room, as its client sees it. */
export interface RoomEar {
  position: number
  /** Where the replay may begin at the latest, while that is not certain. */
  upTo?: number | undefined
  /** Who is there, as the events told. */
  readonly view: Set<string>
}

/** The same for an inbox or a group. */
export interface FeedEar {
  position: number
  upTo?: number | undefined
}

/** What the server is to know of a connection. */
export interface ConnectionModel {
  readonly n: number
  user: string | null
  readonly device: string
  session: SessionModel
  /** It did something after which it may not resume any more. */
  begun: boolean
  open: boolean
  readonly rooms: Set<string>
}

/** A user who still counts after a drop. */
export interface Ghost {
  readonly session: SessionModel
  readonly user: string
  readonly rooms: Set<string>
  readonly due: number
}

export interface Device {
  usedAt: number
  readonly cursors: Map<string, number>
}

/** The plain model: what protocol.md says of rooms, sessions, inboxes, groups and presence, for one node at rest. */
export class Model {
  readonly limits: ModelLimits
  readonly now: () => number
  readonly connections: ConnectionModel[] = []
  readonly sessions: SessionModel[] = []
  readonly #streams = new Map<string, StreamModel>()
  readonly #devices = new Map<string, Device>()
  /** Where the group stood when the user was added, by group and user. */
  readonly groups = new Map<string, Map<string, number>>()
  ghosts: Ghost[] = []
  counter = 0

  constructor(limits: ModelLimits, now: () => number) {
    this.limits = limits
    this.now = now
  }

  /** A channel by its id: `room:…`, `group:…` or `user:…`. */
  stream(channel: string): StreamModel {
    const { rooms, inboxes } = this.limits
    const stream = this.#streams.get(channel) ?? new StreamModel(channel.startsWith('room:') ? rooms : inboxes)
    this.#streams.set(channel, stream)
    return stream
  }

  get streams(): ReadonlyMap<string, StreamModel> {
    return this.#streams
  }

  get open(): ConnectionModel[] {
    return this.connections.filter(({ open }) => open)
  }

  openOf(user: string): ConnectionModel[] {
    return this.open.filter((connection) => connection.user === user)
  }

  ownerOf(session: SessionModel): ConnectionModel | undefined {
    return this.open.find((connection) => connection.session === session)
  }

  usersIn(room: string): Set<string> {
    const present = this.open.filter(({ rooms }) => rooms.has(room)).map(({ user }) => user ?? '')
    return new Set([...present, ...this.ghosts.filter(({ rooms }) => rooms.has(room)).map(({ user }) => user)])
  }

  connectionsIn(room: string): number {
    const inRoom = ({ rooms }: { rooms: Set<string> }) => rooms.has(room)
    return this.open.filter(inRoom).length + this.ghosts.filter(inRoom).length
  }

  /** The connection is gone. Clean: its session is over and it leaves at once. */
  drop(connection: ConnectionModel, clean: boolean): void {
    this.saved(connection.session)
    this.vanish(connection, clean)
  }

  /** The same where the server could write nothing any more. */
  vanish(connection: ConnectionModel, clean: boolean): void {
    const { session, rooms, user } = connection
    connection.open = false
    if (clean || !session.kept) session.over = true
    session.releasedAt = this.now()
    if (!clean && rooms.size > 0 && this.limits.graceMs > 0) {
      this.ghosts.push({ session, user: user ?? '', rooms: new Set(rooms), due: this.now() + this.limits.graceMs })
    }
    rooms.clear()
  }

  /** Another connection has its session now. */
  displace(connection: ConnectionModel): void {
    connection.open = false
    connection.rooms.clear()
  }

  /** The session was taken over by a connection: who was away is here again. */
  take(session: SessionModel, connection: ConnectionModel, token: { used: string; next: string }): void {
    const wasCurrent = session.token === token.used
    const until = this.now() + this.limits.previousTokenMs
    session.previous = wasCurrent ? { token: token.used, until } : undefined
    session.token = token.next
    session.releasedAt = undefined
    session.lost.clear()
    connection.session.over = true
    connection.session = session
    connection.begun = true
    for (const room of session.places.keys()) connection.rooms.add(room)
    this.ghosts = this.ghosts.filter((ghost) => ghost.session !== session)
  }

  /** The user is thrown out: its sessions are over, and nothing of it counts any more. */
  end(user: string): void {
    for (const session of this.sessions) if (session.user === user) session.over = true
    this.ghosts = this.ghosts.filter((ghost) => ghost.user !== user)
  }

  /** Time has passed. */
  expire(): void {
    this.ghosts = this.ghosts.filter(({ due }) => due > this.now())
  }

  isResumable({ over, kept, releasedAt }: SessionModel): boolean {
    return !over && kept && (releasedAt === undefined || this.now() - releasedAt < this.limits.sessionMs)
  }

  /** Whether a token opens a session that is there. */
  accepts(session: SessionModel, token: string): 'current' | 'previous' | undefined {
    if (!this.isResumable(session)) return undefined
    if (session.token === token) return 'current'
    const { previous } = session
    return previous?.token === token && previous.until > this.now() ? 'previous' : undefined
  }

  /** The session was written: everything confirmed so far is in the store. */
  saved({ places }: SessionModel): void {
    for (const place of places.values()) if (place.either !== true) place.lo = place.hi
  }

  /** `confirmed` is how far it has the room by now. */
  join(connection: ConnectionModel, room: string, confirmed: number): void {
    const { session } = connection
    connection.rooms.add(room)
    session.places.set(room, { lo: confirmed, hi: confirmed })
    session.lost.delete(room)
    session.kept = true
    session.user = connection.user
    this.saved(session)
  }

  leave(connection: ConnectionModel, room: string): void {
    connection.rooms.delete(room)
    if (connection.session.places.delete(room)) this.saved(connection.session)
  }

  /** Out of the room, on every connection and in every session. */
  kick(room: string, user: string): void {
    for (const connection of this.openOf(user)) if (connection.rooms.has(room)) this.leave(connection, room)
    for (const ghost of this.ghosts) if (ghost.user === user) ghost.rooms.delete(room)
    for (const session of this.sessions) {
      const waits = session.user === user && this.ownerOf(session) === undefined && session.places.delete(room)
      if (waits) session.lost.add(room)
    }
  }

  membersOf(group: string): Map<string, number> {
    const members = this.groups.get(group) ?? new Map<string, number>()
    this.groups.set(group, members)
    return members
  }

  /** Channels that a user hears besides rooms, with where a new device begins. */
  feedsOf(user: string): Map<string, number | undefined> {
    const feeds = new Map<string, number | undefined>([[`user:${user}`, undefined]])
    for (const [group, members] of this.groups) {
      if (members.has(user)) feeds.set(`group:${group}`, members.get(user))
    }
    return feeds
  }

  /** A device's cursor where it has one. */
  cursorOf(user: string, device: string, channel: string): number | undefined {
    return this.#device(user, device)?.cursors.get(channel)
  }

  /** A connection begins to hear a channel: the device's cursor, made where there was none. */
  openCursor(user: string, device: string, channel: string, start: number | undefined): number {
    const cursor = this.cursorOf(user, device, channel) ?? start ?? this.stream(channel).oldest(this.now()) - 1
    this.setCursor(user, device, channel, cursor)
    return cursor
  }

  setCursor(user: string, device: string, channel: string, offset: number): void {
    const known = this.#device(user, device) ?? { usedAt: 0, cursors: new Map<string, number>() }
    known.usedAt = this.now()
    known.cursors.set(channel, offset)
    this.#devices.set(`${user} ${device}`, known)
  }

  dropCursors(user: string, channel: string): void {
    for (const [key, { cursors }] of this.#devices) if (key.startsWith(`${user} `)) cursors.delete(channel)
  }

  #device(user: string, device: string): Device | undefined {
    const known = this.#devices.get(`${user} ${device}`)
    if (known === undefined || this.now() - known.usedAt >= this.limits.deviceMs) return undefined
    return known
  }
}
