import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import type { Test } from 'tap'
import type { LiveClient, Message } from '../support/live-client.js'
import { request, type TestServer } from '../support/server.js'

/** ISO 8601 in UTC with milliseconds. */
export const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
export const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Message
}

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  503: 'Service Unavailable'
}

/** The one error shape, nothing more and nothing less; `also` names the fields that some errors carry besides. */
export function checkError(
  t: Test,
  { status, body }: { status: number; body: Message },
  expected: readonly [status: number, code: string],
  { title = expected.join(' '), also = [] }: { title?: string; also?: string[] } = {}
): void {
  const [statusCode, code] = expected
  t.match(
    { status, ...body },
    { status: statusCode, statusCode, error: reasons[statusCode], code, message: String },
    title
  )
  t.same(
    Object.keys(body).sort(),
    ['code', 'error', 'message', 'statusCode', ...also].sort(),
    `${title}: only the shape`
  )
}

export function roomUrl({ url }: TestServer, room: string, rest = ''): string {
  return `${url}/rooms/${encodeURIComponent(room)}${rest}`
}

export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return await request(url, { method: 'POST', body, headers })
}

/** Publishes as a backend does, and insists that it was taken. */
export async function publish(server: TestServer, room: string, content: unknown): Promise<Message> {
  const { status, body } = await post(roomUrl(server, room, '/messages'), { content })
  if (status !== 201) throw new Error(`publish answered ${status}: ${JSON.stringify(body)}`)
  return body
}

/** A user who is a member of the room, and knows it. */
export async function joined(server: TestServer, room: string, userId: string): Promise<LiveClient> {
  const client = await server.connect(`/ws?user_id=${encodeURIComponent(userId)}`)
  const answer = await client.ask({ type: 'join_room', room })
  if (answer.type !== 'ack') throw new Error(`join answered ${JSON.stringify(answer)}`)
  return client
}

/** The id that the server gave to a connection. */
export function connectionId({ messages }: LiveClient): string {
  return messages[0]?.connection_id
}

export async function nextOf(client: LiveClient, type: string): Promise<Message> {
  return await client.next((message) => message.type === type)
}

/** A request whose path and headers go out as they are: `fetch` tidies both. */
export async function rawRequest(
  server: TestServer,
  path: string,
  {
    method = 'GET',
    headers = {},
    body
  }: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {}
): Promise<RawAnswer> {
  const { hostname, port } = new URL(server.url)
  return await new Promise((resolve, reject) => {
    const outgoing = httpRequest({ hostname, port, path, method, headers, agent: false })
    outgoing.on('error', reject)
    outgoing.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: 101, headers: response.headers, text: '' })
    })
    outgoing.on('response', (response) => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', (part) => {
        text += part
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    outgoing.end(body)
  })
}

/** The handshake of a WebSocket, up to its answer. */
export async function upgrade(
  server: TestServer,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET'
): Promise<RawAnswer> {
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
  }
  return await rawRequest(server, path, { method, headers: { ...handshake, ...headers } })
}

/** A raw answer with its body as an object, for `checkError`. */
export function parsed({ status, text }: RawAnswer): { status: number; body: Message } {
  try {
    return { status, body: text === '' ? {} : JSON.parse(text) }
  } catch {
    return { status, body: { text } }
  }
}
