import t from 'tap'
import { type ErrorCode, errorTable, RoomcastError } from '../../src/errors.js'
import { errorResponse, sendError } from '../../src/http/error-response.js'

/** A failure as a framework throws it. */
const foreign = (fields: object) => Object.assign(new Error('secret at /srv/app.js:1'), fields)

t.test('every error of the table has its status and the one shape', async (t) => {
  const statuses: Record<ErrorCode, number> = {
    invalid_json: 400,
    invalid_message: 400,
    invalid_id: 400,
    unknown_type: 400,
    unauthenticated: 401,
    forbidden: 403,
    user_mismatch: 400,
    session_not_found: 404,
    not_found: 404,
    message_too_large: 413,
    unsupported_media_type: 415,
    rate_limited: 429,
    too_many_rooms: 429,
    too_many_connections: 429,
    internal: 500,
    overloaded: 503,
    draining: 503,
    store_unavailable: 503
  }
  t.same(Object.keys(errorTable).sort(), Object.keys(statuses).sort())
  for (const [code, status] of Object.entries(statuses)) {
    const { statusCode, body } = errorResponse(new RoomcastError(code as ErrorCode))
    t.equal(statusCode, status, code)
    t.same(Object.keys(body).sort(), ['code', 'error', 'message', 'statusCode'])
    t.match(body, { statusCode: status, code, error: /^[A-Z]/, message: /./ })
  }
})

t.test('details are told where there are any', async (t) => {
  const error = new RoomcastError('store_unavailable', { retryAfterMs: 1001, messageId: 'm-1', message: 'away' })
  const { headers, body } = errorResponse(error)
  t.strictSame(body, {
    statusCode: 503,
    error: 'Service Unavailable',
    code: 'store_unavailable',
    message: 'away',
    retry_after_ms: 1001,
    message_id: 'm-1'
  })
  t.equal(headers['retry-after'], '2', 'whole seconds, and not too early')
  t.match(errorResponse(new RoomcastError('unauthenticated')).headers, { 'www-authenticate': /^Bearer/ })
  t.strictSame(errorResponse(new RoomcastError('invalid_id')).headers, {})
})

t.test("the framework's failures take the code of their status", async (t) => {
  const table: Array<[fields: object, status: number, code: ErrorCode]> = [
    [{ statusCode: 400, code: 'FST_ERR_CTP_INVALID_JSON_BODY' }, 400, 'invalid_json'],
    [{ statusCode: 400, code: 'FST_ERR_CTP_EMPTY_JSON_BODY' }, 400, 'invalid_json'],
    [{ statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE' }, 413, 'message_too_large'],
    [{ statusCode: 415, code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE' }, 415, 'unsupported_media_type'],
    [{ statusCode: 400, code: 'FST_ERR_BAD_URL' }, 400, 'invalid_message'],
    [{ statusCode: 404 }, 404, 'not_found'],
    [{ statusCode: 401 }, 401, 'unauthenticated'],
    [{ statusCode: 403 }, 403, 'forbidden'],
    [{ statusCode: 429 }, 429, 'rate_limited'],
    [{ statusCode: 503 }, 503, 'overloaded']
  ]
  for (const [fields, status, code] of table) {
    const { statusCode, body } = errorResponse(foreign(fields))
    t.match({ status: statusCode, ...body }, { status, statusCode: status, code }, JSON.stringify(fields))
  }
  const syntax = Object.assign(new SyntaxError('x'), { statusCode: 400 })
  t.equal(errorResponse(syntax).body.code, 'invalid_json')
  t.match(errorResponse(foreign({ statusCode: 503 })).headers['retry-after'], /^[1-9]/, '503 says when to come again')
})

t.test('what is not the client’s fault says nothing of the inside', async (t) => {
  const failures = [
    foreign({}),
    foreign({ statusCode: 500 }),
    foreign({ statusCode: 502 }),
    foreign({ statusCode: 200 })
  ]
  failures.push(foreign({ code: 'ECONNREFUSED' }), new TypeError('secret'), new RangeError('secret'))
  for (const failure of [...failures, { statusCode: 507 }, {}]) {
    const { statusCode, body } = errorResponse(failure)
    t.equal(statusCode, 500)
    t.equal(body.code, 'internal')
    t.notMatch(JSON.stringify(body), /secret/)
  }
})

t.test('an error can be marked by the framework on its way', async (t) => {
  // Fastify writes both on what a validator gives back.
  const error: Error = new RoomcastError('invalid_id', { message: 'room: not a valid id' })
  Object.assign(error, { statusCode: (error as RoomcastError).statusCode, validationContext: 'params' })
  t.match(errorResponse(error), { statusCode: 400, body: { code: 'invalid_id', message: 'room: not a valid id' } })
})

t.test('a reply is sent with status, headers and body', async (t) => {
  const sent: unknown[] = []
  const reply = {
    code(statusCode: number) {
      sent.push(statusCode)
      return reply
    },
    headers(headers: object) {
      sent.push(headers)
      return reply
    },
    send: (body: object) => sent.push(body)
  }
  sendError(reply, new RoomcastError('rate_limited', { retryAfterMs: 1 }))
  t.match(sent, [429, { 'retry-after': '1' }, { statusCode: 429, code: 'rate_limited', retry_after_ms: 1 }])
})
