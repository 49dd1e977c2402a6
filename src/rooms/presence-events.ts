import type { Channel } from '../channels/channel.js'
import type { Clock } from '../clock.js'
import { encodeOnlineCount, encodeUserMove } from '../protocol/pushes.js'
import { encodeNote, type PresenceMove, type PresenceNote } from './room-signals.js'

export interface PresenceEventsOptions {
  /** Whether a room with so many users hears names. Else it hears counts. */
  readonly namesUsers: (room: string, users: number) => boolean
  readonly clock: Clock
  /** Sends a note to the nodes that have members in the room. Never rejects: what cannot be sent is for the sender. */
  readonly send: (room: string, note: Buffer) => Promise<void>
}

/** Counts of a large room go out at most this often. */
const COUNT_PERIOD_MS = 1000

/** A count that members heard: another object for each time. */
interface Told {
  readonly users: number
  /** Of the first member's answer, which counts some of what the next note tells. */
  readonly byAnswer: boolean
}

interface Tally {
  users: number
  joined: number
  left: number
  /** Something was counted since the last message. */
  changed: boolean
}

/**
 * Tells members who came and went. The node on which it happened tells the others once a turn; each node words it for
 * its own members: names in small rooms, one count a second in large ones.
 */
export class PresenceEvents {
  readonly #options: PresenceEventsOptions
  #moves = new Map<string, PresenceMove[]>()
  /** Large rooms that were told a count less than a period ago. */
  readonly #tallies = new Map<Channel, Tally>()
  /** What the members here heard last. */
  readonly #told = new WeakMap<Channel, Told>()
  readonly #sending = new Set<Promise<void>>()

  constructor(options: PresenceEventsOptions) {
    this.#options = options
  }

  /** Something happened on this node. */
  add(room: string, move: PresenceMove): void {
    if (this.#moves.size === 0) setImmediate(() => this.#sendAll())
    const moves = this.#moves.get(room)
    if (moves === undefined) this.#moves.set(room, [move])
    else moves.push(move)
  }

  /**
   * A note of any node, this one included, for the members here. Returns whether its count goes on from the one before:
   * where notes of two nodes overtook each other on their way, or one was lost, the last one need not be right.
   */
  deliver(room: string, channel: Channel, note: PresenceNote): boolean {
    const goesOn = follows(this.#told.get(channel), note)
    this.#told.set(channel, { users: note.users, byAnswer: false })
    if (note.moves.length === 0) this.#count(room, channel, note)
    else this.#name(room, channel, note)
    return goesOn
  }

  /** The members here are told how many there are, where it is not what they heard last. */
  deliverCount(room: string, channel: Channel, users: number): void {
    if (this.#told.get(channel)?.users === users) return
    this.deliver(room, channel, { users, joined: 0, left: 0, moves: [] })
  }

  /** The first member here knows the count by its answer. */
  assume(channel: Channel, users: number): void {
    if (!this.#told.has(channel)) this.#told.set(channel, { users, byAnswer: true })
  }

  /** What the members here heard last; the same object until they hear again. */
  toldIn(channel: Channel): Told | undefined {
    return this.#told.get(channel)
  }

  /** Resolves when everything that happened so far has been sent. */
  async settled(): Promise<void> {
    this.#sendAll()
    await Promise.all(this.#sending)
  }

  #sendAll(): void {
    const rooms = this.#moves
    this.#moves = new Map()
    for (const [room, moves] of rooms) {
      const users = moves.at(-1)?.users ?? 0
      const joined = moves.filter(({ action }) => action === 'user_joined').length
      const named = this.#options.namesUsers(room, users)
      const note = { users, joined, left: moves.length - joined, moves: named ? moves : [] }
      const sending = this.#options.send(room, encodeNote(note))
      this.#sending.add(sending)
      sending.then(() => this.#sending.delete(sending))
    }
  }

  #name(room: string, channel: Channel, note: PresenceNote): void {
    const timestamp = this.#options.clock.now()
    for (const { action, userId, users } of note.moves) {
      const encoded = encodeUserMove(action, { room, userId, onlineCount: users, timestamp })
      channel.signal({ encoded, exclude: [] })
    }
  }

  #count(room: string, channel: Channel, note: PresenceNote): void {
    const tally = this.#tallies.get(channel)
    if (tally === undefined) {
      this.#tellCount(room, channel, note)
      this.#tallies.set(channel, { users: note.users, joined: 0, left: 0, changed: false })
      this.#options.clock.after(COUNT_PERIOD_MS, () => this.#endPeriod(room, channel))
      return
    }
    tally.users = note.users
    tally.joined += note.joined
    tally.left += note.left
    tally.changed = true
  }

  #endPeriod(room: string, channel: Channel): void {
    const tally = this.#tallies.get(channel)
    this.#tallies.delete(channel)
    if (tally?.changed === true) this.#count(room, channel, { ...tally, moves: [] })
  }

  #tellCount(room: string, channel: Channel, { users, joined, left }: PresenceNote): void {
    const timestamp = this.#options.clock.now()
    channel.signal({ encoded: encodeOnlineCount({ room, onlineCount: users, joined, left, timestamp }), exclude: [] })
  }
}

function follows(told: Told | undefined, { users, joined, left }: PresenceNote): boolean {
  return told === undefined || told.byAnswer || users === told.users + joined - left
}
