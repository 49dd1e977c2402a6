import type { Chunk } from '../connections/chunk.js'
import type { Connection } from '../connections/connection.js'
import type { Position } from '../store/streams.js'

/** One connection's ear in one channel, and how far it has been told. */
export class Receiver {
  readonly connection: Connection
  /** What it was told last; the next message follows on it. */
  position: Position
  /** Up to this offset it asked for what it is told: also for what it is left out of live. */
  askedUpTo = 0
  /** It was told that it is in; before, it hears nothing. */
  begun = false
  /** Hears messages as they come. Otherwise it reads them from the log until it has caught up. */
  live = false
  /** Taken out of its channel. */
  detached = false

  constructor(connection: Connection, position: Position) {
    this.connection = connection
    this.position = position
  }

  get gone(): boolean {
    return this.detached || this.connection.closed
  }

  send(chunk: Chunk): void {
    this.connection.outbox.push(chunk)
  }
}
