import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
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

  /** A handler that answers in time. `handler` has to give its answer back, not to send it: it may be late. */
  limit(handler: RouteHandlerMethod): RouteHandlerMethod {
    const bound = this.bound.bind(this)
    return async function (request: FastifyRequest, reply: FastifyReply) {
      const answer = async () => await handler.call(this, request, reply)
      return await bound(answer(), () => request.messageId)
    }
  }
}
