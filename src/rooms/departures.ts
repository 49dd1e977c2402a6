import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import { GraceQueue } from './grace-queue.js'

/** A connection that dropped, with the rooms in which its user is still counted. */
export interface Departure {
  readonly connection: Connection
  readonly rooms: readonly string[]
}

/** Connections that dropped, by their session: each counts until its grace is over, or its session is back or ends. */
export class Departures {
  readonly #grace: GraceQueue
  readonly #waiting = new Map<string, Departure>()
  readonly #onOver: (departure: Departure) => void

  constructor(clock: Clock, graceMs: number, onOver: (departure: Departure) => void) {
    this.#grace = new GraceQueue(clock, graceMs)
    this.#onOver = onOver
  }

  add(sessionId: string, departure: Departure): void {
    // One before it was replaced on another node, which may not have told.
    this.end(sessionId)
    this.#waiting.set(sessionId, departure)
    this.#grace.add(() => {
      if (this.#waiting.get(sessionId) === departure) this.end(sessionId)
    })
  }

  /** Ends the grace of a session's former connection. Idempotent. */
  end(sessionId: string): void {
    const departure = this.#waiting.get(sessionId)
    this.#waiting.delete(sessionId)
    if (departure !== undefined) this.#onOver(departure)
  }

  /** The same for a user, but for connections that came after the removal. */
  endOf(userId: string, removalId: string): void {
    this.endWhere((connection) => connection.userId === userId && connection.removalId !== removalId)
  }

  /** The same for connections of which it is so. */
  endWhere(isOver: (connection: Connection) => boolean): void {
    for (const [sessionId, { connection }] of this.#waiting) if (isOver(connection)) this.end(sessionId)
  }

  /** Connections of a user that still count in a room. */
  of(userId: string, room: string): Connection[] {
    const found = [...this.#waiting.values()].filter(
      ({ connection, rooms }) => connection.userId === userId && rooms.includes(room)
    )
    return found.map(({ connection }) => connection)
  }

  /** Nobody is judged any more. */
  close(): void {
    this.#waiting.clear()
  }
}
