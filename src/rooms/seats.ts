import type { Receiver } from '../channels/receiver.js'
import type { Connection } from '../connections/connection.js'
import { FewMap, type ReadonlyFewMap } from '../few-map.js'

/** A connection's place in a room. */
export interface Seat {
  readonly receiver: Receiver
  /** The newest removal of its user from the room before it joined. */
  readonly removalId: string | undefined
}

/** Which connections of this node are in which rooms. */
export class Seats {
  readonly #byConnection = new Map<Connection, FewMap<string, Seat>>()
  readonly #connectionIds = new Map<string, Set<string>>()

  /** Rooms with somebody in them. */
  get roomCount(): number {
    return this.#connectionIds.size
  }

  /** Names of rooms with somebody in them. */
  rooms(): IterableIterator<string> {
    return this.#connectionIds.keys()
  }

  connections(): IterableIterator<Connection> {
    return this.#byConnection.keys()
  }

  /** The seats of a connection by room. */
  of(connection: Connection): ReadonlyFewMap<string, Seat> {
    return this.#byConnection.get(connection) ?? none
  }

  has(connectionId: string, room: string): boolean {
    return this.#connectionIds.get(room)?.has(connectionId) === true
  }

  /** Takes a seat; one that the connection has in the room already is replaced. */
  take(connection: Connection, room: string, seat: Seat): void {
    const seats = this.#byConnection.get(connection) ?? new FewMap<string, Seat>()
    this.#byConnection.set(connection, seats.set(room, seat))
    const connectionIds = this.#connectionIds.get(room) ?? new Set<string>()
    this.#connectionIds.set(room, connectionIds.add(connection.id))
  }

  /** Gives the seat up and answers it; undefined where there was none. */
  free(connection: Connection, room: string): Seat | undefined {
    const seats = this.#byConnection.get(connection)
    const seat = seats?.get(room)
    if (seats === undefined || seat === undefined) return undefined
    seats.delete(room)
    if (seats.size === 0) this.#byConnection.delete(connection)
    const connectionIds = this.#connectionIds.get(room)
    connectionIds?.delete(connection.id)
    if (connectionIds?.size === 0) this.#connectionIds.delete(room)
    return seat
  }
}

const none = new FewMap<string, Seat>()
