import type { Clock } from './clock.js'
import { errorOf, isPassing, RoomcastClientError } from './errors.js'
import type { ClientMessage, ServerMessage } from './messages.js'

export interface PendingRequestsOptions {
  readonly clock: Clock
  /** Requests that may wait for their answer, or to be sent. */
  readonly pendingMax: number
}

export interface RequestOptions {
  /** Of one lane only one request is under way at a time: that keeps their order through every retry. */
  readonly lane?: string | undefined
  /** Milliseconds until it is given up; undefined for never. */
  readonly timeoutMs?: number | undefined
  /** Sent on the connection of now or not at all. */
  readonly once?: boolean | undefined
  /** For the error, so that it can be sent again. */
  readonly messageId?: string | undefined
  /** Runs before any message after the answer is looked at. */
  readonly onAck?: ((ack: ServerMessage) => void) | undefined
}

interface Request extends RequestOptions {
  readonly id: string
  readonly message: ClientMessage
  readonly lane: string
  readonly resolve: (ack: ServerMessage) => void
  readonly reject: (error: Error) => void
  sent: boolean
  cancelRetry: () => void
  cancelDeadline: () => void
  /** It waits until the server may be asked again. */
  pausing: boolean
}

type Send = (message: ClientMessage) => void

const RETRY_MS = 1000

/** What the application has asked for and is not answered yet. It outlives connections. */
export class PendingRequests {
  readonly #options: PendingRequestsOptions
  /** In the order in which they came. */
  readonly #requests = new Map<string, Request>()
  readonly #lanes = new Map<string, Request[]>()
  #send: Send | undefined
  #nextId = 0

  constructor(options: PendingRequestsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#requests.size
  }

  /**
   * Sends `message` as soon as may be, again after a drop or an error that passes, and resolves with its `ack`.
   * Rejects with the server's error, `timeout`, `queue_full`, `not_connected`, `connection_lost` or `closed`.
   */
  submit(message: ClientMessage, options: RequestOptions = {}): Promise<ServerMessage> {
    const { pendingMax } = this.#options
    if (this.size >= pendingMax) return Promise.reject(fullError(pendingMax, options.messageId))
    if (options.once === true && this.#send === undefined) {
      return Promise.reject(new RoomcastClientError('not_connected', 'There is no connection'))
    }
    return new Promise((resolve, reject) => this.#add(message, options, { resolve, reject }))
  }

  /** A connection is ready: what waits is sent, in order. */
  attach(send: Send): void {
    this.#send = send
    for (const request of this.#requests.values()) this.#sendIfDue(request)
  }

  /** The connection is gone: what was under way will be sent again. */
  detach(): void {
    this.#send = undefined
    for (const request of this.#requests.values()) {
      const lost = request.sent && request.once === true
      request.sent = false
      if (lost) this.#fail(request, new RoomcastClientError('connection_lost', 'It may or may not have been sent'))
    }
  }

  /** Takes an `ack` or `error`; false where nobody waits for it. */
  settle(answer: ServerMessage): boolean {
    const request = this.#requests.get(answer.id ?? '')
    if (request === undefined || !request.sent) return false
    if (answer.type === 'error') this.#onError(request, errorOf(answer))
    else {
      request.onAck?.(answer)
      this.#remove(request)
      request.resolve(answer)
    }
    return true
  }

  rejectAll(error: Error): void {
    const requests = [...this.#requests.values()]
    this.#send = undefined
    for (const request of requests) this.#fail(request, error)
  }

  #add(
    message: ClientMessage,
    options: RequestOptions,
    { resolve, reject }: Pick<Request, 'resolve' | 'reject'>
  ): void {
    const { timeoutMs, messageId } = options
    const id = String(++this.#nextId)
    const lane = options.lane ?? `request ${id}`
    const idle = { sent: false, pausing: false, cancelRetry: () => {}, cancelDeadline: () => {} }
    const request: Request = { ...options, ...idle, id, lane, message, resolve, reject }
    if (timeoutMs !== undefined) {
      const late = () => this.#fail(request, timeoutError(timeoutMs, messageId))
      request.cancelDeadline = this.#options.clock.after(timeoutMs, late)
    }
    this.#requests.set(id, request)
    this.#lanes.set(lane, [...(this.#lanes.get(lane) ?? []), request])
    this.#sendIfDue(request)
  }

  #sendIfDue(request: Request): void {
    const isFirst = this.#lanes.get(request.lane)?.[0] === request
    if (this.#send === undefined || !isFirst || request.sent || request.pausing) return
    request.sent = true
    this.#send({ ...request.message, id: request.id })
  }

  #onError(request: Request, error: RoomcastClientError): void {
    if (isPassing(error) && request.once !== true) this.#pause(request, error.retryAfterMs ?? RETRY_MS)
    else this.#fail(request, error)
  }

  #pause(request: Request, delayMs: number): void {
    request.sent = false
    request.pausing = true
    request.cancelRetry = this.#options.clock.after(delayMs, () => {
      request.pausing = false
      this.#sendIfDue(request)
    })
  }

  #fail(request: Request, error: Error): void {
    this.#remove(request)
    request.reject(error)
  }

  #remove(request: Request): void {
    request.cancelRetry()
    request.cancelDeadline()
    this.#requests.delete(request.id)
    const rest = this.#lanes.get(request.lane)?.filter((other) => other !== request) ?? []
    if (rest.length === 0) this.#lanes.delete(request.lane)
    else this.#lanes.set(request.lane, rest)
    if (rest[0] !== undefined) this.#sendIfDue(rest[0])
  }
}

function fullError(pendingMax: number, messageId: string | undefined): RoomcastClientError {
  return new RoomcastClientError('queue_full', `${pendingMax} requests wait already`, { messageId })
}

function timeoutError(timeoutMs: number, messageId: string | undefined): RoomcastClientError {
  return new RoomcastClientError('timeout', `No answer within ${timeoutMs} ms`, { messageId })
}
