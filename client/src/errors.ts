import type { ServerMessage } from './messages.js'

/** What this side finds out by itself; other codes are the server's. */
export type ClientErrorCode =
  /** Not answered before its deadline; a publish may have been stored, or not. */
  | 'timeout'
  /** `pendingMax` requests wait already. */
  | 'queue_full'
  /** Only for what is never sent later: signals. */
  | 'not_connected'
  | 'connection_lost'
  /** `close` was called, or the server closed the connection for good. */
  | 'closed'
  | 'invalid_id'
  /** The token could not be had. */
  | 'no_token'

export interface ErrorDetails {
  readonly retryAfterMs?: number | undefined
  readonly messageId?: string | undefined
  readonly cause?: unknown
}

/** A failure, with the code of the server or one of `ClientErrorCode`. */
export class RoomcastClientError extends Error {
  readonly code: string
  /** The server asks for at least this pause. */
  readonly retryAfterMs: number | undefined
  /** The publish that failed: published again under this id it is stored once. */
  readonly messageId: string | undefined

  constructor(code: string, message: string, { retryAfterMs, messageId, cause }: ErrorDetails = {}) {
    super(message, { cause })
    this.name = 'RoomcastClientError'
    this.code = code
    this.retryAfterMs = retryAfterMs
    this.messageId = messageId
  }
}

const passingCodes: ReadonlySet<string> = new Set(['rate_limited', 'store_unavailable', 'draining', 'overloaded'])

/** The same request may succeed a little later. */
export function isPassing(error: unknown): error is RoomcastClientError {
  return error instanceof RoomcastClientError && (error.retryAfterMs !== undefined || passingCodes.has(error.code))
}

export function errorOf({
  code = 'internal',
  message = '',
  retry_after_ms,
  message_id
}: ServerMessage): RoomcastClientError {
  return new RoomcastClientError(code, message, { retryAfterMs: retry_after_ms, messageId: message_id })
}

export function connectionLost(): RoomcastClientError {
  return new RoomcastClientError('connection_lost', 'The connection was lost before the answer')
}
