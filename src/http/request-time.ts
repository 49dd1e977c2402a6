import type { Clock } from '../clock.js'
import { Deadlines } from '../deadlines.js'
import { RoomcastError } from '../errors.js'

/** Backends are promised an answer within three seconds, however often the store is asked for it (protocol.md 2.8). */
const REQUEST_MS = 2800

/** The time that requests over HTTP have. */
export class RequestTime {
  readonly #deadlines: Deadlines

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock, REQUEST_MS)
  }

  /**
   * What `work` gives. Rejects with `store_unavailable` where it takes too long: the outcome is unknown then. The error
   * has the id of the message that is published, if one is.
   */
  async bound<T>(work: Promise<T>, messageId: () => string | undefined): Promise<T> {
    try {
      return await this.#deadlines.bound(work)
    } catch (error) {
      if (error instanceof RoomcastError && error.code === 'store_unavailable') error.messageId ??= messageId()
      throw error
    }
  }
}
