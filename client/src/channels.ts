import type { ChannelTag, GapEvent, JoinAck, PlacedMessage, Position, ResetEvent, RoomState } from './messages.js'
import { PositionFilter } from './position-filter.js'

/** What a join asked for. */
export interface JoinRequest {
  /** Replays what came after this position. */
  readonly since?: Position | undefined
  /** Replays the newest so many, at most 1,000. */
  readonly last?: number | undefined
}

/** A loss that the application is to be told. */
export type Loss =
  | { readonly kind: 'gap'; readonly event: GapEvent }
  | { readonly kind: 'reset'; readonly event: ResetEvent }

/** The channels that this client hears, and how far it has seen each. Rooms are here as long as one is in them. */
export class Channels {
  readonly #rooms = new Map<string, PositionFilter>()
  readonly #groups = new Map<string, PositionFilter>()
  readonly #inbox = new PositionFilter()

  get rooms(): readonly string[] {
    return [...this.#rooms.keys()]
  }

  has(room: string): boolean {
    return this.#rooms.has(room)
  }

  /** Undefined for a room one is not in, and for a channel of which nothing was seen. */
  position(tag: ChannelTag): Position | undefined {
    return this.#filter(tag)?.position
  }

  /** Of all rooms, as `resume` wants them. */
  positions(): Record<string, Position> {
    const entries = [...this.#rooms].flatMap(([room, { position }]) =>
      position === undefined ? [] : [[room, position]]
    )
    return Object.fromEntries(entries)
  }

  /** One is in the room, and what was asked for follows. Gives what of it is lost. */
  onJoined({ room, ...state }: JoinAck, { since, last }: JoinRequest): Loss | undefined {
    const { epoch, offset, recovered } = state
    const filter = this.#rooms.get(room) ?? new PositionFilter()
    const isNew = !this.#rooms.has(room)
    this.#rooms.set(room, filter)
    if (since !== undefined) filter.begin(since)
    else if (last !== undefined) filter.begin({ epoch, offset: Math.max(0, offset - last) })
    else if (isNew) filter.begin({ epoch, offset })
    return recovered === 'none' ? undefined : this.onRecovered(room, state)
  }

  /** One is in the room again, and what follows joins on to what was seen as `recovered` says. */
  onRecovered(room: string, { epoch, recovered, gap }: RoomState): Loss | undefined {
    if (recovered === 'gap' && gap !== undefined) return this.onGap({ room, epoch, ...gap })
    return recovered === 'reset' ? this.onReset({ room, epoch, offset: 0 }) : undefined
  }

  leave(room: string): void {
    this.#rooms.delete(room)
  }

  /** False for what was seen already, and for a room one is not in. */
  accept(tag: ChannelTag, message: PlacedMessage): boolean {
    return this.#filter(tag)?.accept(message) ?? false
  }

  /** Lets come again what follows on this position, or everything. */
  rewind(tag: ChannelTag, position: Position | undefined): void {
    this.#filter(tag)?.begin(position)
  }

  onGap(event: GapEvent): Loss | undefined {
    const unseen = this.#filter(event)?.skip(event.epoch, event)
    return unseen && { kind: 'gap', event: { ...event, ...unseen } }
  }

  onReset(event: ResetEvent): Loss | undefined {
    const filter = this.#filter(event)
    filter?.reset(event.epoch, event.offset)
    return filter && { kind: 'reset', event }
  }

  clear(): void {
    this.#rooms.clear()
    this.#groups.clear()
    this.#inbox.begin(undefined)
  }

  #filter({ room, group }: ChannelTag): PositionFilter | undefined {
    if (room !== undefined) return this.#rooms.get(room)
    if (group === undefined) return this.#inbox
    const filter = this.#groups.get(group) ?? new PositionFilter()
    this.#groups.set(group, filter)
    return filter
  }
}
