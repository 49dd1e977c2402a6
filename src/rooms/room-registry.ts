import type { Channel } from '../channels/channel.js'
import type { Replay } from '../channels/channel-log.js'
import type { ChannelPurpose, ChannelRegistry } from '../channels/channel-registry.js'
import type { FanOutBudget } from '../channels/fan-out-budget.js'
import { type HistoryRequest, readHistory } from '../channels/history.js'
import type { Publisher } from '../channels/publisher.js'
import { Receiver } from '../channels/receiver.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { ControlChannel } from '../control/control-channel.js'
import type { Deadline } from '../deadline.js'
import { RoomcastError } from '../errors.js'
import { MEMBERS_LIMIT_DEFAULT } from '../protocol/commands.js'
import { encodeRemoved, formatTime } from '../protocol/pushes.js'
import type { HistoryPage, JoinReply, MembersReply, PublishReply } from '../protocol/replies.js'
import type { LeaseLoss, RoomDeparture } from '../store/nodes.js'
import type { Counts, PresenceChange, RoomCounts } from '../store/presence.js'
import type { Removals } from '../store/removals.js'
import type { Position, Streams } from '../store/streams.js'
import { type Departure, Departures } from './departures.js'
import { newestOf, type ReplayRequest, readReplay, recoveryOf, startOf } from './join-replay.js'
import { Memberships } from './memberships.js'
import { RoomAccess } from './room-access.js'
import type { RoomFamilies } from './room-families.js'
import { type RoomPresence, trackedPresence } from './room-presence.js'
import { type PublishRequest, RoomPublisher, type SignalRequest } from './room-publisher.js'
import { Seats } from './seats.js'

export interface RoomRegistryOptions {
  readonly streams: Streams
  readonly presence: RoomPresence
  readonly removals: Removals
  readonly control: ControlChannel
  readonly channels: ChannelRegistry
  readonly clock: Clock
  readonly families: RoomFamilies
  readonly publisher: Publisher
  readonly fanOuts: FanOutBudget
  readonly roomsPerConnectionMax: number
  readonly presenceEventsMax: number
  /** How long after a drop its user still counts as there. */
  readonly graceMs: number
  /** A task in the background that failed. */
  readonly onError: (error: unknown) => void
}

export interface JoinRequest extends ReplayRequest {
  readonly room: string
  /** Given by a session that comes back: the newest removal from the room that it knew of. */
  readonly known?: { readonly removalId: string | undefined } | undefined
}

export interface JoinOutcome {
  readonly reply: JoinReply
  /** The newest removal of the user from the room before this. */
  readonly removalId: string | undefined
  /** What the connection is sent follows on this. */
  readonly from: Position
  /** The client said itself how far it has the room. */
  readonly isClaimed: boolean
  /** Begins the replay and the live messages. Call once, as soon as the reply is on its way. */
  begin(): void
}

/** The rooms, as connections of this node and the backends use them. */
export class RoomRegistry {
  /** What holds in which room. */
  readonly families: RoomFamilies
  /** Who may do what in which room. */
  readonly access: RoomAccess
  readonly #options: RoomRegistryOptions
  readonly #publisher: RoomPublisher
  readonly #memberships: Memberships
  readonly #departures: Departures
  readonly #seats = new Seats()
  readonly #leaving = new Set<Promise<void>>()

  constructor(options: RoomRegistryOptions) {
    const { clock, families, graceMs, onError } = options
    const presence = trackedPresence(options.presence, families)
    this.families = families
    this.access = new RoomAccess(families, onError)
    this.#options = { ...options, presence }
    this.#publisher = new RoomPublisher({ ...options, access: this.access, channelOf })
    this.#departures = new Departures(clock, graceMs, (departure) => this.#depart(departure))
    this.#memberships = new Memberships({ ...options, presence, seats: this.#seats, channelOf })
  }

  /** Rooms with members on this node. */
  get localSize(): number {
    return this.#seats.roomCount
  }

  /** Rooms that a connection is in. */
  roomsOf(connection: Connection): string[] {
    return [...this.#seats.of(connection).keys()]
  }

  /**
   * Lets a connection with a user into a room; again, where it is in already, which changes no count. Throws
   * `too_many_rooms` or `store_unavailable`, also where the deadline is over, and then nothing has changed.
   */
  async join(connection: Connection, request: JoinRequest, deadline?: Deadline): Promise<JoinOutcome> {
    const { room } = request
    const former = this.#seats.of(connection).get(room)?.receiver
    if (former === undefined) this.#checkLimit(connection)
    const channel = await this.#options.channels.acquire(channelOf(room), this.#purposeOf(room))
    const receiver = new Receiver(connection, channel.position)
    channel.hold(receiver)
    let change: PresenceChange | Counts | undefined
    const arrived = this.#memberships.expect(connection, room)
    try {
      const noting = this.#newestRemoval(connection, request)
      const entering = this.#enter(connection, room, former !== undefined)
      // Both have to be over before anything is undone.
      const [entered] = await Promise.allSettled([entering, noting])
      if (entered.status === 'fulfilled') change = entered.value
      const [present, removalId] = await Promise.all([entering, noting])
      const page = await readReplay(channel, request)
      if (connection.closed) throw new RoomcastError('internal', { message: 'connection closed' })
      deadline?.check()
      return this.#seat(channel, receiver, { request, change: present, page, former, removalId })
    } catch (error) {
      // Also where the presence did not answer: it may have been written all the same.
      if (former === undefined) void this.#memberships.giveUp(connection, room, moveOf(change))
      channel.detach(receiver)
      this.#options.channels.release(channelOf(room))
      throw error
    } finally {
      arrived()
    }
  }

  /** Takes a connection out of a room. Idempotent. While the store is away the others hear of it later. */
  async leave(connection: Connection, room: string): Promise<void> {
    if (this.#unseat(connection, room)) await this.#memberships.leave(connection, [room])
  }

  /** Where a connection stands in its rooms: how far it has been sent. */
  positionsOf(connection: Connection): Map<string, Position> {
    return new Map([...this.#seats.of(connection)].map(([room, { receiver }]) => [room, receiver.position]))
  }

  /** Takes a connection out of all its rooms. Idempotent. */
  async leaveAll(connection: Connection): Promise<void> {
    const rooms = this.#unseatAll(connection)
    if (rooms.length > 0) await this.#memberships.leave(connection, rooms)
  }

  /**
   * A connection dropped: it hears nothing more, and the others hear that its user left only if it has not come back
   * when the grace is over.
   */
  leaveAllLater(connection: Connection, sessionId: string): void {
    const rooms = this.#unseatAll(connection)
    if (rooms.length === 0) return
    this.#departures.add(sessionId, { connection, rooms })
  }

  /**
   * The connection that a session had before counts no longer: the session is on another one by now, which is in its
   * rooms. Idempotent.
   */
  endGrace(sessionId: string): void {
    this.#departures.end(sessionId)
  }

  /** Nor do those of a user who is out of everything, but for connections that came after the removal. Idempotent. */
  endGraceOf(userId: string, removalId: string): void {
    this.#departures.endOf(userId, removalId)
  }

  /** Nor do those of which it is so. Idempotent. */
  endGraceWhere(isOver: (connection: Connection) => boolean): void {
    this.#departures.endWhere(isOver)
  }

  /**
   * Puts a user's connections of this node out of a room, those that dropped included and but those that came in after
   * the removal. Answers the ones that were in. Idempotent; never rejects.
   */
  async expel(connections: Iterable<Connection>, { room, userId, removalId }: Expulsion): Promise<Connection[]> {
    const out = [...connections].filter((connection) => {
      const seat = this.#seats.of(connection).get(room)
      return seat !== undefined && seat.removalId !== removalId
    })
    for (const connection of out) {
      this.#unseat(connection, room)
      connection.outbox.pushPayload(encodeRemoved({ room }, 'kicked'))
    }
    const gone = [...out, ...this.#departures.of(userId, room)]
    await Promise.all(gone.map((connection) => this.#memberships.leave(connection, [room])))
    return out
  }

  /** Takes a connection out of rooms that it may be in no longer, and tells it. Idempotent; never rejects. */
  async dismiss(connection: Connection, rooms: readonly string[]): Promise<void> {
    const left = rooms.filter((room) => this.#unseat(connection, room))
    for (const room of left) connection.outbox.pushPayload(encodeRemoved({ room }, 'rights'))
    if (left.length > 0) await this.#memberships.leave(connection, left)
  }

  /** Stores a message and sends it to the members of all nodes; more of it, and what it throws, at `RoomPublisher`. */
  publish(request: PublishRequest): Promise<PublishReply> {
    return this.#publisher.publish(request)
  }

  /** Sends to all members but the sender, at most once. Throws `rate_limited` and `store_unavailable`. */
  signal(connection: Connection, request: SignalRequest): Promise<void> {
    return this.#publisher.signal(connection, request)
  }

  async history(room: string, request: HistoryRequest): Promise<HistoryPage & { readonly room: string }> {
    return { room, ...(await readHistory(this.#options.streams, channelOf(room), request)) }
  }

  /** Drops the room's messages; who comes back to one of them is told a gap. Throws `store_unavailable`. */
  async purge(room: string): Promise<void> {
    await this.#options.streams.purge(channelOf(room))
    await this.#options.control.announce({ type: 'purge', channel: channelOf(room) })
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
  onDeparture(departure: RoomDeparture): void {
    this.#memberships.onDeparture(departure)
  }

  /** Writes this node's members into the presence again; more of it, and what it throws, at `Memberships`. */
  rejoinAll(loss?: LeaseLoss): Promise<void> {
    return this.#memberships.rejoinAll(loss)
  }

  /** What members were told of each other may have got lost: those of this node hear the right counts. Idempotent. */
  recountAll(): void {
    this.#memberships.recountAll()
  }

  /**
   * Resolves when the members have been told of everything that happened so far. Who still has a grace keeps it: what
   * this node has in the presence outlives it for as long.
   */
  async settled(): Promise<void> {
    this.#departures.close()
    await Promise.all(this.#leaving)
    await this.#memberships.settled()
  }

  #checkLimit(connection: Connection): void {
    const { roomsPerConnectionMax } = this.#options
    if (this.#seats.of(connection).size >= roomsPerConnectionMax) throw new RoomcastError('too_many_rooms')
  }

  /** Adds the connection to the presence, or only counts where it is in already. */
  async #enter(connection: Connection, room: string, already: boolean): Promise<PresenceChange | Counts> {
    if (already) return await this.counts(room)
    return (await this.#memberships.enter(connection, room)) ?? { users: 0, connections: 0 }
  }

  #depart({ connection, rooms }: Departure): void {
    const leaving = this.#memberships.leave(connection, rooms)
    this.#leaving.add(leaving)
    void leaving.then(() => this.#leaving.delete(leaving))
  }

  async #newestRemoval(connection: Connection, { room, known }: JoinRequest): Promise<string | undefined> {
    if (known !== undefined) return known.removalId
    return (await this.#options.removals.newest(connection.userId ?? '', [room])).rooms[0]
  }

  /** Everything is known: no `await` from here to the answer. */
  #seat(channel: Channel, receiver: Receiver, arrival: Arrival): JoinOutcome {
    const { request, change, page, former, removalId } = arrival
    const { room } = request
    const { connection } = receiver
    const start = startOf(channel, page)
    // One that was in already has not heard everything up to here, perhaps: go on from where it was.
    const behind = former !== undefined && former.position.offset < start.offset && page?.continuity !== 'reset'
    receiver.position = behind ? former.position : start
    // It is in already, and goes on hearing what comes once or never.
    receiver.begun = former?.begun === true
    channel.attach(receiver)
    this.#seats.take(connection, room, { receiver, removalId })
    if (former !== undefined) this.#replace(channel, former, room)
    this.#memberships.onSeated(channel, change.users)

    const { epoch, offset } = newestOf(channel.position, page?.top)
    const reply = { room, epoch, offset, online_count: change.users, ...recoveryOf(page) }
    const begin = () => {
      void channel.catchUp(receiver, behind ? undefined : page)
      const move = moveOf(change)
      if (move !== undefined) this.#memberships.tellJoined(move)
    }
    return { reply, removalId, from: receiver.position, isClaimed: request.since !== undefined, begin }
  }

  /** The receiver of an earlier join of the same connection. */
  #replace(channel: Channel, former: Receiver, room: string): void {
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
    const seat = this.#seats.free(connection, room)
    if (seat === undefined) return false
    this.#options.channels.get(channelOf(room))?.detach(seat.receiver)
    this.#options.channels.release(channelOf(room))
    return true
  }

  #purposeOf(room: string): ChannelPurpose {
    const { retention, batchDelayMs } = this.families.in(room).rules
    return {
      tag: { room },
      retention,
      batchDelayMs,
      onSignal: (channel, signal) => this.#memberships.onSignal(room, channel, signal),
      onSignalsMissed: () => this.#memberships.recount(room)
    }
  }
}

/** A user is to be out of a room. */
export interface Expulsion {
  readonly room: string
  readonly userId: string
  readonly removalId: string
}

interface Arrival {
  readonly request: JoinRequest
  readonly change: PresenceChange | Counts
  readonly page: Replay | undefined
  readonly former: Receiver | undefined
  readonly removalId: string | undefined
}

function channelOf(room: string): string {
  return `room:${room}`
}

/** A connection that was in already has only counted. */
function moveOf(change: PresenceChange | Counts | undefined): PresenceChange | undefined {
  return change !== undefined && 'userChanged' in change ? change : undefined
}
