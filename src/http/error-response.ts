import { STATUS_CODES } from 'node:http'
import { type ErrorCode, errorTable, RoomcastError } from '../errors.js'

/** The one shape of an error over HTTP (protocol.md, section 3). */
export interface ErrorBody {
  readonly statusCode: number
  readonly error: string
  readonly code: ErrorCode
  readonly message: string
  readonly retry_after_ms?: number
  readonly message_id?: string
}

export interface ErrorResponse {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ErrorBody
}

/** What a framework's failure with this status is called here; anything else of the 400s is `invalid_message`. */
const codeByStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  413: 'message_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  503: 'overloaded'
}
const jsonFailures: ReadonlySet<string> = new Set(['FST_ERR_CTP_INVALID_JSON_BODY', 'FST_ERR_CTP_EMPTY_JSON_BODY'])

/** Any failure as a response. What is not the client's fault says nothing of the inside. */
export function errorResponse(error: unknown): ErrorResponse {
  const failure = error instanceof RoomcastError ? error : foreignFailure(error)
  const { statusCode, code, message, retryAfterMs, messageId } = failure
  const headers: Record<string, string> = statusCode === 401 ? { 'www-authenticate': 'Bearer' } : {}
  if (retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(retryAfterMs / 1000))
  return {
    statusCode,
    headers,
    body: {
      statusCode,
      error: STATUS_CODES[statusCode] ?? 'Error',
      code,
      message,
      ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
      ...(messageId === undefined ? {} : { message_id: messageId })
    }
  }
}

/** The parts of Fastify's reply that are needed here. */
interface Reply {
  code(statusCode: number): Reply
  headers(headers: Readonly<Record<string, string>>): Reply
  send(body: ErrorBody): unknown
}

/** Answers with the failure, and tells its code. */
export function sendError(reply: Reply, error: unknown): ErrorCode {
  const { statusCode, headers, body } = errorResponse(error)
  reply.code(statusCode).headers(headers).send(body)
  return body.code
}

/** Answers what was not even HTTP, as Node tells it: a whole response in bytes. */
export function rawErrorResponse({ code }: { readonly code?: string }): string {
  const statusCode = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
  const { body } = errorResponse({ statusCode, message: 'Not a valid HTTP request' })
  const text = JSON.stringify({ ...body, statusCode, error: STATUS_CODES[statusCode] })
  return [
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
    '',
    text
  ].join('\r\n')
}

function foreignFailure(error: unknown): RoomcastError {
  const { statusCode = 500, code = '', message } = error as { statusCode?: number; code?: string; message?: string }
  if (jsonFailures.has(code) || (statusCode === 400 && error instanceof SyntaxError)) {
    return new RoomcastError('invalid_json')
  }
  if (statusCode < 400 || (statusCode >= 500 && statusCode !== 503)) return new RoomcastError('internal')
  const own = codeByStatus[statusCode]
  if (own === undefined) return new RoomcastError('invalid_message', message === undefined ? {} : { message })
  return new RoomcastError(own, {
    message: errorTable[own].message,
    ...(statusCode === 503 ? { retryAfterMs: 1000 } : {})
  })
}
