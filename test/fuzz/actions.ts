import type { TSchema } from '@sinclair/typebox'
import fc, { type Arbitrary } from 'fast-check'
import { commandSchemas } from '../../src/protocol/commands.js'
import { frame } from '../live/raw-socket.js'
import { valuesOf } from './schema-values.js'
import { anyJson, spoiled } from './spoiled.js'

/** One thing that somebody hostile does; plain JSON, so that it can be kept. Bytes are in Latin-1. */
export type Action =
  | { readonly kind: 'message'; readonly name: string; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: string }
  | { readonly kind: 'request'; readonly name: string; readonly bytes: string }

/** Requests that are none. */
export const ANY_BYTES = 'any bytes'

export interface Case {
  /** Several messages a frame. */
  readonly ndjson: boolean
  readonly user: string
  /** Goes without a word, so that its session can be resumed. */
  readonly drops: boolean
  readonly actions: readonly Action[]
}

/** A route as Fastify has it. */
export interface Route {
  readonly method: string
  readonly url: string
  readonly schema: Readonly<Partial<Record<'params' | 'querystring' | 'headers' | 'body', TSchema>>>
}

export interface Surface {
  readonly routes: readonly Route[]
  /** Values of `Authorization`, good and bad; empty for none. */
  readonly credentials: readonly string[]
  /** Tokens of users, as `authenticate` takes them. */
  readonly tokens: readonly string[]
}

/** Stand for the session of whoever dropped last. */
export const SESSION_ID = '$SESSION_ID'
export const RESUME_TOKEN = '$RESUME_TOKEN'
const comeback = fc.constant({ session_id: SESSION_ID, resume_token: RESUME_TOKEN })

const commandId = fc.oneof(
  { arbitrary: fc.integer({ min: 0, max: 9999 }).map((n) => ({ id: `c${n}` })), weight: 8 },
  fc.constant({})
)

/** Messages of one type, as their schema wants them. */
export function commandsOf(type: string, tokens: readonly string[] = []): Arbitrary<object> {
  const schema = commandSchemas[type as keyof typeof commandSchemas] as TSchema
  const known: Partial<Record<string, Arbitrary<object>>> = { resume: comeback }
  if (tokens.length > 0) known.authenticate = fc.record({ token: fc.constantFrom(...tokens) })
  const fields = known[type] === undefined ? valuesOf(schema) : fc.oneof(valuesOf(schema), known[type])
  return fc.tuple(commandId, fields).map(([id, fields]) => ({ ...id, type, ...(fields as object) }))
}

/** Cases of several actions each; one in bytes can only be the last. */
export function casesOf(surface: Surface): Arbitrary<Case> {
  const deeds = fc.oneof(
    { arbitrary: messages(surface.tokens), weight: 5 },
    { arbitrary: requests(surface), weight: 3 }
  )
  const end = fc.oneof({ arbitrary: fc.constant([]), weight: 4 }, fc.array(bytes, { minLength: 1, maxLength: 3 }))
  return fc
    .record({
      ndjson: fc.boolean(),
      drops: fc.boolean(),
      user: fc.constantFrom('', 'a', 'b', '聊天'),
      before: fc.array(deeds, { maxLength: 14 }),
      end
    })
    .map(({ before, end, ...rest }) => ({ ...rest, actions: [...before, ...end] }))
}

function messages(tokens: readonly string[]): Arbitrary<Action> {
  const each = Object.keys(commandSchemas).map((type) => {
    const right = commandsOf(type, tokens)
    const texts = fc.oneof({ arbitrary: right.map((message) => JSON.stringify(message)), weight: 2 }, spoiled(right))
    return texts.map((text): Action => ({ kind: 'message', name: type, text }))
  })
  return fc.oneof(
    ...each,
    anyJson.map((text): Action => ({ kind: 'message', name: 'any JSON', text }))
  )
}

const anyBytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const frames = fc
  .record({ payload: anyBytes, opcode: fc.nat(15), rsv: fc.nat(7), fin: fc.boolean(), masked: fc.boolean() })
  .map(({ payload, ...options }) => frame(payload, options))
const bytes = fc.oneof(anyBytes, frames).map((piece): Action => ({ kind: 'bytes', bytes: piece.toString('latin1') }))

function requests({ routes, credentials }: Surface): Arbitrary<Action> {
  const each = routes.map((route) => {
    return requestsOf(route, credentials).map((text): Action => ({ kind: 'request', name: nameOf(route), bytes: text }))
  })
  const noRequest = fc.oneof(
    anyBytes,
    anyBytes.map((piece) => Buffer.concat([Buffer.from('GET /ws HTTP/1.1\r\n'), piece]))
  )
  const raw = noRequest.map((piece): Action => ({ kind: 'request', name: ANY_BYTES, bytes: piece.toString('latin1') }))
  return fc.oneof({ arbitrary: fc.oneof(...each), weight: 8 }, raw)
}

export function nameOf({ method, url }: Route): string {
  return `${method} ${url}`
}

/** Requests to one route, byte for byte. */
export function requestsOf({ method, url, schema }: Route, credentials: readonly string[]): Arbitrary<string> {
  const { params, querystring, headers, body } = schema
  return fc
    .record({
      params: params === undefined ? fc.constant({}) : fieldsOf(params),
      query: querystring === undefined ? strayFields : fieldsOf(querystring),
      headers: headers === undefined ? fc.constant({}) : fieldsOf(headers),
      body: body === undefined ? strayBody : bodiesOf(body),
      credential: fc.constantFrom('', ...credentials),
      upgrade: fc.integer({ min: 0, max: 9 }).map((n) => n === 0 || url === '/ws')
    })
    .map(({ body, credential, upgrade, ...parts }) => {
      const path = url.replaceAll(/:(\w+)|\*/g, (_, name = '*') =>
        percent(textOf((parts.params as Fields)[name] ?? 'x'))
      )
      const query = Object.entries(parts.query as Fields).map(
        ([name, value]) => `${percent(name)}=${percent(textOf(value))}`
      )
      const lines = [
        `${method} ${path}${query.length > 0 ? `?${query.join('&')}` : ''} HTTP/1.1`,
        'host: localhost',
        ...(credential === '' ? [] : [`authorization: ${credential}`]),
        ...Object.entries(parts.headers as Fields).map(([name, value]) => `${name}: ${bytesOf(textOf(value))}`),
        ...(upgrade ? upgradeLines : ['connection: close'])
      ]
      return request(lines, body)
    })
}

type Fields = Record<string, unknown>

const strayFields = fc.oneof(
  { arbitrary: fc.constant({}), weight: 5 },
  fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 })
)
const strayBody = fc.oneof({ arbitrary: fc.constant(''), weight: 5 }, anyJson)
const upgradeLines = [
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='
]

function bodiesOf(schema: TSchema): Arbitrary<string> {
  const right = valuesOf(schema)
  return fc.oneof({ arbitrary: right.map((value) => JSON.stringify(value)), weight: 3 }, spoiled(right), anyJson)
}

/** Right ones, and some of which one is any text. */
function fieldsOf(schema: TSchema): Arbitrary<unknown> {
  const right = valuesOf(schema)
  const wrong = fc
    .tuple(
      right,
      fc.constantFrom(...Object.keys(schema.properties), '__proto__'),
      fc.oneof(fc.string(), fc.string({ unit: 'binary' }))
    )
    .map(([fields, name, text]) => Object.fromEntries([...Object.entries(fields as Fields), [name, text]]))
  return fc.oneof({ arbitrary: right, weight: 3 }, wrong)
}

function request(lines: readonly string[], body: string): string {
  const content = Buffer.from(body).toString('latin1')
  const length = body === '' ? [] : ['content-type: application/json', `content-length: ${content.length}`]
  return `${[...lines, ...length].join('\r\n')}\r\n\r\n${content}`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Latin-1 that stands for the text in UTF-8. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function percent(text: string): string {
  return [...Buffer.from(text)].map((byte) => escaped(byte)).join('')
}

function escaped(byte: number): string {
  const letter = String.fromCharCode(byte)
  return /[A-Za-z0-9_-]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, '0')}`
}
