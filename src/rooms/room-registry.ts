import type { Channel } from '../channels/channel.js'
import type { ChannelPurpose, ChannelRegistry } from '../channels/channel-registry.js'
import { publicationOf } from '../channels/publication.js'
import type { Publisher } from '../channels/publisher.js'
import { Receiver } from '../channels/receiver.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import { RoomcastError } from '../errors.js'
import { RetryQueue } from '../presence/retry-queue.js'
import { HISTORY_LIMIT_DEFAULT, MEMBERS_LIMIT_DEFAULT, type PositionInput } from '../protocol/commands.js'
import { formatTime } from '../protocol/pushes.js'
import type { HistoryReply, JoinReply, MembersReply, PublishReply, Recovered } from '../protocol/replies.js'
import type { RoomDeparture } from '../store/nodes.js'
import type { Counts, Membership, PresenceChange, RoomCounts } from '../store/presence.js'
import type { Page, Position, ReadQuery, SignalMessage, Streams } from '../store/streams.js'
import { GraceQueue } from './grace-queue.js'
import { PresenceEvents } from './presence-events.js'
import type { RoomFamilies } from './room-families.js'
import { type RoomPresence, trackedPresence } from './room-presence.js'
import { type PublishRequest, RoomPublisher, type SignalRequest } from './room-publisher.js'
import { decodeRoomSignal } from './room-signals.js'

export interface RoomRegistryOptions {
  readonly streams: Streams
  readonly presence: RoomPresence
  readonly channels: ChannelRegistry
  readonly clock: Clock
  readonly families: RoomFamilies
  readonly publisher: Publisher
  readonly roomsPerConnectionMax: number
  readonly presenceEventsMax: number
  /** How long after a drop its user still counts as there. */
  readonly graceMs: number
  /** A task in the background that failed. */
  readonly onError: (error: unknown) => void
}

export interface JoinRequest {
  readonly room: string
  readonly since?: PositionInput | undefined
  readonly last?: number | undefined
}

export interface JoinOutcome {
  readonly reply: JoinReply
  /** What the connection is sent follows on this. */
  readonly from: Position
  /** Begins the replay and the live messages. Call once, as soon as the reply is on its way. */
  begin(): void
}

export interface HistoryRequest {
  readonly after?: number | undefined
  readonly before?: number | undefined
  readonly limit?: number | undefined
}

/** The rooms, as connections of this node and the backends use them. */
export class RoomRegistry {
  /** What holds in which room. */
  readonly families: RoomFamilies
  readonly #options: RoomRegistryOptions
  readonly #publisher: RoomPublisher
  readonly #events: PresenceEvents
  readonly #grace: GraceQueue
  readonly #retries: RetryQueue
  /** Connection and room of every member here. */
  readonly #seats = new Set<string>()
  readonly #leaving = new Set<Promise<void>>()
  readonly #joined = new Map<Connection, Map<string, Receiver>>()
  readonly #localMembers = new Map<string, number>()

  constructor(options: RoomRegistryOptions) {
    const { clock, families, presenceEventsMax } = options
    this.families = families
    this.#options = { ...options, presence: trackedPresence(options.presence, families) }
    this.#publisher = new RoomPublisher({ ...options, channelOf })
    const namesUsers = (room: string, users: number) =>
      users <= presenceEventsMax && families.presenceIn(room) === 'list'
    const send = (room: string, note: Buffer) => options.streams.signal(channelOf(room), note).catch(options.onError)
    this.#grace = new GraceQueue(clock, options.graceMs)
    this.#retries = new RetryQueue(clock, options.onError)
    this.#events = new PresenceEvents({ namesUsers, clock, send })
  }

  /** Rooms with members on this node. */
  get localSize(): number {
    return this.#localMembers.size
  }

  /** Rooms that a connection is in. */
  roomsOf(connection: Connection): string[] {
    return [...(this.#joined.get(connection)?.keys() ?? [])]
  }

  /**
   * Lets a connection with a user into a room; again, where it is in already, which changes no count. Throws
   * `too_many_rooms` or `store_unavailable`, and then nothing has changed.
   */
  async join(connection: Connection, request: JoinRequest): Promise<JoinOutcome> {
    const { room } = request
    const former = this.#joined.get(connection)?.get(room)
    if (former === undefined) this.#checkLimit(connection)
    const channel = await this.#options.channels.acquire(channelOf(room), this.#purposeOf(room))
    const receiver = new Receiver(connection, channel.position)
    channel.hold(receiver)
    try {
      const change = await this.#enter(connection, room, former !== undefined)
      const page = await this.#readReplay(request)
      if (connection.closed) throw new RoomcastError('internal', { message: 'connection closed' })
      return this.#seat(channel, receiver, { request, change, page, former })
    } catch (error) {
      // Also where the presence did not answer: it may have been written all the same.
      if (former === undefined) void this.#retries.run(() => this.#quit(connection, [room]))
      channel.detach(receiver)
      this.#options.channels.release(channelOf(room))
      throw error
    }
  }

  /** Takes a connection out of a room. Idempotent. While the store is away the others hear of it later. */
  async leave(connection: Connection, room: string): Promise<void> {
    if (this.#unseat(connection, room)) await this.#retries.run(() => this.#quit(connection, [room]))
  }

  /** Where a connection stands in its rooms: how far it has been sent. */
  positionsOf(connection: Connection): Map<string, Position> {
    const receivers = this.#joined.get(connection) ?? []
    return new Map([...receivers].map(([room, { position }]) => [room, position]))
  }

  /** Takes a connection out of all its rooms. Idempotent. */
  async leaveAll(connection: Connection): Promise<void> {
    const rooms = this.#unseatAll(connection)
    if (rooms.length > 0) await this.#retries.run(() => this.#quit(connection, rooms))
  }

  /**
   * A connection dropped: it hears nothing more, and the others hear that its user left only if it has not come back
   * when the grace is over.
   */
  leaveAllLater(connection: Connection): void {
    const rooms = this.#unseatAll(connection)
    if (rooms.length === 0) return
    this.#grace.add(() => {
      const leaving = this.#retries.run(() => this.#quit(connection, rooms))
      this.#leaving.add(leaving)
      void leaving.then(() => this.#leaving.delete(leaving))
    })
  }

  /** Stores a message and sends it to the members of all nodes; more of it, and what it throws, at `RoomPublisher`. */
  publish(request: PublishRequest): Promise<PublishReply> {
    return this.#publisher.publish(request)
  }

  /** Sends to all members but the sender, at most once. Throws `rate_limited` and `store_unavailable`. */
  signal(connection: Connection, request: SignalRequest): Promise<void> {
    return this.#publisher.signal(connection, request)
  }

  async history(room: string, { after, before, limit = HISTORY_LIMIT_DEFAULT }: HistoryRequest): Promise<HistoryReply> {
    const query: ReadQuery = after === undefined ? { before, limit } : { after: { offset: after }, limit }
    const page = await this.#options.streams.read(channelOf(room), query)
    return {
      room,
      epoch: page.top?.epoch ?? null,
      offset: page.top?.offset ?? 0,
      messages: page.messages.map((message) => publicationOf(message).payload),
      has_more: page.hasMore
    }
  }

  async members(
    room: string,
    query: { limit?: number | undefined; cursor?: string | undefined }
  ): Promise<MembersReply> {
    const { presence } = this.#options
    const { limit = MEMBERS_LIMIT_DEFAULT, cursor } = query
    const [{ members, nextCursor }, counts] = await Promise.all([
      presence.members(room, { limit, cursor }),
      this.counts(room)
    ])
    return {
      room,
      online_count: counts.users,
      members: members.map(({ userId, connections, joinedAt }) => ({
        user_id: userId,
        connections,
        joined_at: formatTime(joinedAt)
      })),
      next_cursor: nextCursor ?? null
    }
  }

  async counts(room: string): Promise<Counts> {
    const [counts] = await this.#options.presence.counts([room])
    return counts ?? { users: 0, connections: 0 }
  }

  /** The newest position; undefined where nobody has used the room. */
  async top(room: string): Promise<Position | undefined> {
    return (await this.#options.streams.read(channelOf(room), { limit: 0 })).top
  }

  async list(query: { prefix: string; limit: number; cursor?: string | undefined }): Promise<{
    rooms: RoomCounts[]
    nextCursor: string | undefined
  }> {
    return await this.#options.presence.rooms(query)
  }

  /** Members of a dead node are gone from a room: the others are told. */
  onDeparture({ room, userIds, users }: RoomDeparture): void {
    for (const [index, userId] of userIds.entries()) {
      this.#events.add(room, { action: 'user_left', userId, users: users + userIds.length - 1 - index })
    }
  }

  /** This node counted as dead: writes its members into the presence again. Throws `store_unavailable`. */
  async rejoinAll(): Promise<void> {
    const memberships = [...this.#joined].flatMap(([connection, receivers]) =>
      [...receivers.keys()].map((room) => membershipOf(connection, room))
    )
    for (let start = 0; start < memberships.length; start += REJOIN_PAGE) {
      const page = memberships.slice(start, start + REJOIN_PAGE).filter((membership) => this.#isSeated(membership))
      this.#tell('user_joined', await this.#options.presence.join(page))
    }
  }

  /** Resolves when the members have been told of everything that happened so far. */
  async settled(): Promise<void> {
    this.#grace.flush()
    await Promise.all(this.#leaving)
    this.#retries.close()
    await this.#events.settled()
  }

  #checkLimit(connection: Connection): void {
    const { roomsPerConnectionMax } = this.#options
    if ((this.#joined.get(connection)?.size ?? 0) >= roomsPerConnectionMax) throw new RoomcastError('too_many_rooms')
  }

  /** Adds the connection to the presence, or only counts where it is in already. */
  async #enter(connection: Connection, room: string, already: boolean): Promise<PresenceChange | Counts> {
    if (already) return await this.counts(room)
    const [change] = await this.#options.presence.join([membershipOf(connection, room)])
    return change ?? { users: 0, connections: 0 }
  }

  /** Rooms that the connection is in again by now are left alone. */
  async #quit(connection: Connection, rooms: readonly string[]): Promise<void> {
    const memberships = rooms.map((room) => membershipOf(connection, room))
    const left = memberships.filter((membership) => !this.#isSeated(membership))
    this.#tell('user_left', await this.#options.presence.leave(left))
  }

  #isSeated({ connectionId, room }: Membership): boolean {
    return this.#seats.has(seatOf(connectionId, room))
  }

  #tell(action: 'user_joined' | 'user_left', changes: readonly PresenceChange[]): void {
    for (const { room, userId, users, userChanged } of changes) {
      if (userChanged) this.#events.add(room, { action, userId, users })
    }
  }

  async #readReplay({ room, since, last }: JoinRequest): Promise<Page | undefined> {
    const { streams } = this.#options
    if (since !== undefined) {
      const after = { epoch: since.epoch, offset: since.offset, messageId: since.message_id }
      return await streams.read(channelOf(room), { after, limit: REPLAY_PAGE })
    }
    if (last === undefined) return undefined
    const { top, oldest } = await streams.read(channelOf(room), { limit: 0 })
    const offset = Math.max((top?.offset ?? 0) - last, oldest - 1, 0)
    return await streams.read(channelOf(room), { after: { offset }, limit: REPLAY_PAGE })
  }

  /** Everything is known: no `await` from here to the answer. */
  #seat(channel: Channel, receiver: Receiver, arrival: Arrival): JoinOutcome {
    const { request, change, page, former } = arrival
    const { room } = request
    const { connection } = receiver
    const start = startOf(channel, page)
    // One that was in already has not heard everything up to here, perhaps: go on from where it was.
    const behind = former !== undefined && former.position.offset < start.offset && page?.continuity !== 'reset'
    receiver.position = behind ? former.position : start
    channel.attach(receiver)
    const receivers = this.#joined.get(connection) ?? new Map<string, Receiver>()
    this.#joined.set(connection, receivers.set(room, receiver))
    this.#seats.add(seatOf(connection.id, room))
    if (former === undefined) this.#localMembers.set(room, (this.#localMembers.get(room) ?? 0) + 1)
    else this.#dismiss(channel, former, room)

    const { epoch, offset } = newestOf(channel.position, page?.top)
    const reply = { room, epoch, offset, online_count: change.users, ...recoveryOf(page) }
    const begin = () => {
      void channel.catchUp(receiver, behind ? undefined : page)
      if ('userChanged' in change) this.#tell('user_joined', [change])
    }
    return { reply, from: receiver.position, begin }
  }

  /** The receiver of an earlier join of the same connection. */
  #dismiss(channel: Channel, former: Receiver, room: string): void {
    channel.detach(former)
    this.#options.channels.release(channelOf(room))
  }

  #unseatAll(connection: Connection): string[] {
    const rooms = this.roomsOf(connection)
    for (const room of rooms) this.#unseat(connection, room)
    return rooms
  }

  /** False where it was not in. */
  #unseat(connection: Connection, room: string): boolean {
    const receivers = this.#joined.get(connection)
    const receiver = receivers?.get(room)
    if (receivers === undefined || receiver === undefined) return false
    receivers.delete(room)
    this.#seats.delete(seatOf(connection.id, room))
    if (receivers.size === 0) this.#joined.delete(connection)
    const left = (this.#localMembers.get(room) ?? 1) - 1
    if (left === 0) this.#localMembers.delete(room)
    else this.#localMembers.set(room, left)
    this.#options.channels.get(channelOf(room))?.detach(receiver)
    this.#options.channels.release(channelOf(room))
    return true
  }

  #purposeOf(room: string): ChannelPurpose {
    return { tag: { room }, onSignal: (channel, signal) => this.#onSignal(room, channel, signal) }
  }

  #onSignal(room: string, channel: Channel, { encoded, exclude }: SignalMessage): void {
    const signal = decodeRoomSignal(encoded)
    if (signal?.kind === 'relay') channel.signal({ encoded: signal.payload, exclude })
    else if (signal?.kind === 'note') this.#events.deliver(room, channel, signal.note)
  }
}

/** Messages that a join reads before it is answered; the rest is read as the client takes it. */
const REPLAY_PAGE = 100

/** Memberships that are written again in one step. */
const REJOIN_PAGE = 500

interface Arrival {
  readonly request: JoinRequest
  readonly change: PresenceChange | Counts
  readonly page: Page | undefined
  readonly former: Receiver | undefined
}

function channelOf(room: string): string {
  return `room:${room}`
}

function seatOf(connectionId: string, room: string): string {
  return `${connectionId} ${room}`
}

function membershipOf(connection: Connection, room: string): Membership {
  return { room, connectionId: connection.id, userId: connection.userId ?? '' }
}

/** Where the receiver stands before its replay. */
function startOf(channel: Channel, page: Page | undefined): Position {
  if (page === undefined) return channel.position
  const first = page.messages[0]
  return first === undefined ? (page.top ?? channel.position) : { epoch: first.epoch, offset: first.offset - 1 }
}

/** A page may have been read before its last messages reached this node's channel. */
function newestOf(heard: Position, read: Position | undefined): Position {
  return read !== undefined && read.offset > heard.offset ? read : heard
}

function recoveryOf(page: Page | undefined): { recovered: Recovered; gap?: NonNullable<Page['gap']> } {
  if (page === undefined) return { recovered: 'none' }
  if (page.continuity === 'contiguous') return { recovered: 'full' }
  return page.gap === undefined ? { recovered: 'reset' } : { recovered: 'gap', gap: page.gap }
}
