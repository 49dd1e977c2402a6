import type { Channel } from '../channels/channel.js'
import type { ChannelRegistry } from '../channels/channel-registry.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import { RetryQueue } from '../presence/retry-queue.js'
import type { LeaseLoss, RoomDeparture } from '../store/nodes.js'
import type { Membership, PresenceChange } from '../store/presence.js'
import type { SignalMessage, Streams } from '../store/streams.js'
import { PresenceEvents } from './presence-events.js'
import type { RoomFamilies } from './room-families.js'
import type { RoomPresence } from './room-presence.js'
import { decodeRoomSignal, encodeRecount } from './room-signals.js'
import type { Seats } from './seats.js'

export interface MembershipsOptions {
  readonly presence: RoomPresence
  readonly streams: Streams
  readonly channels: ChannelRegistry
  readonly clock: Clock
  readonly families: RoomFamilies
  readonly seats: Seats
  readonly presenceEventsMax: number
  readonly channelOf: (room: string) => string
  readonly onError: (error: unknown) => void
}

/** Memberships, or rooms, that are asked or written in one step. */
const PAGE = 500
/** Rooms whose counts are in doubt are counted together. */
const RECOUNT_MS = 1000

const FORGOTTEN: LeaseLoss = { departed: false }

/** This node's members as the presence over all nodes has them, and what the members of rooms are told of who comes and goes. */
export class Memberships {
  readonly #options: MembershipsOptions
  readonly #events: PresenceEvents
  readonly #retries: RetryQueue
  /** Rooms that connections have left, of which the store has not been told for certain; each leave has its own mark. */
  readonly #leaving = new Map<Connection, Map<string, object>>()
  readonly #doubtful = new Set<string>()
  /** On their way in: without a seat, and perhaps in the presence already. */
  readonly #entering = new Set<Membership>()

  constructor(options: MembershipsOptions) {
    this.#options = options
    const { clock, families, presenceEventsMax, streams, channelOf, onError } = options
    this.#retries = new RetryQueue(clock, onError)
    this.#events = new PresenceEvents({
      namesUsers: (room, users) => users <= presenceEventsMax && families.presenceIn(room) === 'list',
      clock,
      send: (room, note) => streams.signal(channelOf(room), note).catch((error) => this.#onUntold(room, error))
    })
  }

  /**
   * A connection is on its way into a room: it counts as a member when these are written again. Call what it answers
   * once it has its seat, or will not have one.
   */
  expect(connection: Connection, room: string): () => void {
    const membership = membershipOf(connection, room)
    this.#entering.add(membership)
    return () => void this.#entering.delete(membership)
  }

  /** Adds a connection to a room's members. Throws `store_unavailable`, and then it may be in all the same: `giveUp`. */
  async enter(connection: Connection, room: string): Promise<PresenceChange | undefined> {
    const wasLeaving = this.#leaving.get(connection)?.delete(room) === true
    const [change] = await this.#options.presence.join([membershipOf(connection, room)])
    // An earlier try may have brought the user in without a word.
    if (wasLeaving) this.#announceRecount(room)
    return change
  }

  /** The connection is in: the others are told where its user came with it. */
  tellJoined(change: PresenceChange): void {
    this.#tell('user_joined', [change])
  }

  /** A join that came to nothing; what of it is in the presence is told and taken back. Never rejects. */
  async giveUp(connection: Connection, room: string, change: PresenceChange | undefined): Promise<void> {
    if (change !== undefined) this.tellJoined(change)
    await this.leave(connection, [room])
  }

  /**
   * Takes a connection out of rooms, but for those that it is in again: at once, and until the store has said so. Never
   * rejects; resolves after the first try.
   */
  async leave(connection: Connection, rooms: readonly string[]): Promise<void> {
    const leaving = this.#leaving.get(connection) ?? new Map<string, object>()
    this.#leaving.set(connection, leaving)
    for (const room of rooms) leaving.set(room, {})
    await this.#retries.run(connection.id, () => this.#leave(connection, leaving))
  }

  /** Members of a dead node are gone from a room: the others are told. */
  onDeparture({ room, userIds, users }: RoomDeparture): void {
    for (const [index, userId] of userIds.entries()) {
      this.#events.add(room, { action: 'user_left', userId, users: users + userIds.length - 1 - index })
    }
  }

  /**
   * The lease was lost: writes this node's members into the presence again. The others are told of those who had
   * departed for them; where the store only forgot, nobody came, and members hear a count where it is another now.
   * Throws `store_unavailable`; doing it again is safe.
   */
  async rejoinAll({ departed }: LeaseLoss = FORGOTTEN): Promise<void> {
    const { presence, seats } = this.#options
    const seated = [...seats.connections()].flatMap((connection) =>
      [...seats.of(connection).keys()].map((room) => membershipOf(connection, room))
    )
    // A join may be written under the lost lease, and be answered after this.
    const memberships = [...seated, ...this.#entering]
    for (let start = 0; start < memberships.length; start += PAGE) {
      const page = memberships
        .slice(start, start + PAGE)
        .filter((membership) => this.#isSeated(membership) || this.#entering.has(membership))
      const changes = await presence.join(page)
      if (departed) this.#tell('user_joined', changes)
    }
    if (departed) this.recountAll()
    else for (const room of seats.rooms()) this.#announceRecount(room)
  }

  /**
   * What members were told may have got lost, or come in another order: those of this node hear the right count, within a second or two, where it
   * is not what they heard last.
   */
  recount(room: string): void {
    if (this.#options.families.presenceIn(room) === 'off') return
    if (this.#doubtful.size === 0) this.#options.clock.after(RECOUNT_MS, () => this.#recountDoubtful())
    this.#doubtful.add(room)
  }

  recountAll(): void {
    for (const room of this.#options.seats.rooms()) this.recount(room)
  }

  /** A member begins to hear of a room in which so many users are. */
  onSeated(channel: Channel, users: number): void {
    this.#events.assume(channel, users)
  }

  /** False for a signal that no node has written. */
  onSignal(room: string, channel: Channel, { encoded, exclude }: SignalMessage): boolean {
    const signal = decodeRoomSignal(encoded)
    if (signal?.kind === 'relay') channel.signal({ encoded: signal.payload, exclude })
    else if (signal?.kind === 'note' && !this.#events.deliver(room, channel, signal.note)) this.recount(room)
    else if (signal?.kind === 'recount') this.recount(room)
    return signal !== undefined
  }

  /** Resolves when the members have been told of everything that happened so far. Nothing is tried again from then on. */
  async settled(): Promise<void> {
    this.#retries.close()
    await this.#events.settled()
  }

  async #leave(connection: Connection, leaving: Map<string, object>): Promise<void> {
    const marks = [...leaving]
    const gone = marks
      .map(([room]) => membershipOf(connection, room))
      .filter((membership) => !this.#isSeated(membership))
    this.#tell('user_left', await this.#options.presence.leave(gone))
    // One that was left again meanwhile is not done with.
    for (const [room, mark] of marks) if (leaving.get(room) === mark) leaving.delete(room)
    if (leaving.size === 0 && this.#leaving.get(connection) === leaving) this.#leaving.delete(connection)
  }

  #isSeated({ connectionId, room }: Membership): boolean {
    return this.#options.seats.has(connectionId, room)
  }

  #tell(action: 'user_joined' | 'user_left', changes: readonly PresenceChange[]): void {
    for (const { room, userId, users, userChanged } of changes) {
      if (userChanged) this.#events.add(room, { action, userId, users })
    }
  }

  #onUntold(room: string, error: unknown): void {
    this.#options.onError(error)
    this.#announceRecount(room)
  }

  /** Has every node tell its members the count. */
  #announceRecount(room: string): void {
    const { streams, channelOf } = this.#options
    void this.#retries.run(`recount ${room}`, () => streams.signal(channelOf(room), encodeRecount()))
  }

  #recountDoubtful(): void {
    const rooms = [...this.#doubtful]
    this.#doubtful.clear()
    for (let start = 0; start < rooms.length; start += PAGE) void this.#recountPage(rooms.slice(start, start + PAGE))
  }

  async #recountPage(rooms: readonly string[]): Promise<void> {
    const heard = rooms.flatMap((room) => {
      const channel = this.#options.channels.get(this.#options.channelOf(room))
      return channel === undefined ? [] : [{ room, channel, before: this.#events.toldIn(channel) }]
    })
    try {
      const counts = await this.#options.presence.counts(heard.map(({ room }) => room))
      for (const [index, { room, channel, before }] of heard.entries()) {
        // Whoever came or went meanwhile was told with a later count.
        const isLatest = this.#events.toldIn(channel) === before
        if (isLatest) this.#events.deliverCount(room, channel, counts[index]?.users ?? 0)
      }
    } catch (error) {
      this.#options.onError(error)
      for (const room of rooms) this.recount(room)
    }
  }
}

function membershipOf(connection: Connection, room: string): Membership {
  return { room, connectionId: connection.id, userId: connection.userId ?? '' }
}
