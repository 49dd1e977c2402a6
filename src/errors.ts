interface ErrorRow {
  /** HTTP status of the same failure over REST. */
  readonly status: number
  readonly message: string
}

/** Every failure that a client or a backend can be told, by its code on the wire (protocol.md 2.9). */
export const errorTable = {
  invalid_json: { status: 400, message: 'Not valid JSON' },
  invalid_message: { status: 400, message: 'The message does not fit its schema' },
  invalid_id: { status: 400, message: 'Not a valid id' },
  unknown_type: { status: 400, message: 'Unknown message type' },
  unauthenticated: { status: 401, message: 'Credentials are missing or not valid' },
  forbidden: { status: 403, message: 'Not allowed' },
  user_mismatch: { status: 400, message: 'This connection belongs to another user' },
  session_not_found: { status: 404, message: 'No such session' },
  not_found: { status: 404, message: 'No such route' },
  message_too_large: { status: 413, message: 'The message is too large' },
  unsupported_media_type: { status: 415, message: 'Send application/json' },
  rate_limited: { status: 429, message: 'Too many messages' },
  too_many_rooms: { status: 429, message: 'This connection is in as many rooms as it may be' },
  too_many_connections: { status: 429, message: 'Too many connections' },
  internal: { status: 500, message: 'Internal error' },
  overloaded: { status: 503, message: 'The server is overloaded' },
  draining: { status: 503, message: 'The server is shutting down' },
  store_unavailable: { status: 503, message: 'The store does not answer' }
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable

/** What an error tells besides its code. */
export interface ErrorDetails {
  /** Shown instead of the table's text. Never holds internals. */
  readonly message?: string
  readonly retryAfterMs?: number
  /** The publish that the error is about, so that it can be retried under the same id. */
  readonly messageId?: string
  readonly cause?: unknown
}

/** A failure with a row in the table: the socket gets its `code`, REST its `status` too. */
export class RoomcastError extends Error {
  readonly code: ErrorCode
  /** Of the same failure over REST. A field of its own: Fastify assigns it. */
  statusCode: number
  readonly retryAfterMs: number | undefined
  messageId: string | undefined

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    const { stackTraceLimit } = Error
    // A stack tells of our own faults only, and takes as long as all else that is done about a message beyond the rate.
    if (code !== 'internal') Error.stackTraceLimit = 0
    super(details.message ?? errorTable[code].message, { cause: details.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'RoomcastError'
    this.code = code
    this.statusCode = errorTable[code].status
    this.retryAfterMs = details.retryAfterMs
    this.messageId = details.messageId
  }
}

/** How long a client should wait before it tries a store again that did not answer. */
export const STORE_RETRY_AFTER_MS = 1000

/** A store that is known to be away was not even asked: nothing has changed in it. */
export class NotAskedError extends Error {}

/** A store command without a certain outcome, unless `cause` is a `NotAskedError`. */
export function storeUnavailable(cause: unknown): RoomcastError {
  return new RoomcastError('store_unavailable', { retryAfterMs: STORE_RETRY_AFTER_MS, cause })
}
