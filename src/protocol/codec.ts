import type { TSchema } from '@sinclair/typebox'
import secureJson from 'secure-json-parse'
import { RoomcastError } from '../errors.js'
import { type Command, type CommandType, commandSchemas, isCommandType } from './commands.js'
import { scanJsonObject } from './json-scan.js'
import { CHAT_MESSAGE } from './message-types.js'
import { createValidator, type Validator } from './validation.js'

/** Deeper nesting is refused: `JSON.stringify` and many clients overflow on it. */
export const DEPTH_MAX = 64
const COMMAND_ID_BYTES_MAX = 64
const noTypes: ReadonlySet<string> = new Set()
/** Without any of these no key can be the one of a prototype, and the objects need not be walked. */
const suspiciousText = /__proto__|constructor|\\u/

const validators = Object.fromEntries(
  Object.entries(commandSchemas).map(([type, schema]) => [type, createValidator(schema as TSchema)])
) as { [T in CommandType]: Validator<(typeof commandSchemas)[T]> }

/** A message that could not be understood; `id` is the client's, where that much was clear. */
export class UndecodableError extends Error {
  readonly id: string | undefined
  readonly failure: RoomcastError

  constructor(failure: RoomcastError, id?: string) {
    super(failure.message)
    this.failure = failure
    this.id = id
  }
}

/**
 * One JSON object → a command that fits its schema. `messageTypes` are those under which rooms take messages: each is
 * a `chat_message` but for its name. Throws `UndecodableError` and nothing else.
 */
export function decodeCommand(text: string, messageTypes: ReadonlySet<string> = noTypes): Command {
  const fields = parseObject(text)
  const id = readId(fields)
  const { type: messageType } = fields
  if (typeof messageType !== 'string') throw malformed('type: expected string', id)
  const type = messageTypes.has(messageType) ? CHAT_MESSAGE : messageType
  if (!isCommandType(type)) throw new UndecodableError(new RoomcastError('unknown_type'), id)
  const { depth, value } = scanJsonObject(text, 'content')
  if (depth > DEPTH_MAX) throw malformed(`nested deeper than ${DEPTH_MAX} levels`, id)
  try {
    const body = validators[type](fields)
    refuseBoth(body, 'since', 'last')
    refuseBoth(body, 'after', 'before')
    refuseBoth(body, 'room', 'group')
    return { id, type, body, messageType, content: contentOf(value) } as Command
  } catch (error) {
    if (error instanceof RoomcastError) throw new UndecodableError(error, id)
    throw error
  }
}

function parseObject(text: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw new UndecodableError(new RoomcastError('invalid_json'))
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw malformed('expected an object')
  // Valid JSON, yet with keys that change an object's prototype wherever it is copied.
  if (suspiciousText.test(text) && secureJson.scan(parsed, { safe: true }) === null) {
    throw new UndecodableError(new RoomcastError('invalid_json'), readId(parsed as Record<string, unknown>))
  }
  return parsed as Record<string, unknown>
}

function readId({ id }: Record<string, unknown>): string | undefined {
  if (id === undefined) return undefined
  const valid = typeof id === 'string' && id !== '' && Buffer.byteLength(id) <= COMMAND_ID_BYTES_MAX
  if (!valid) throw malformed(`id: expected a string of 1 to ${COMMAND_ID_BYTES_MAX} bytes`)
  return id
}

/** Two fields that contradict each other. Throws `invalid_message`. */
export function refuseBoth(fields: object, one: string, other: string): void {
  if (one in fields && other in fields) {
    throw new RoomcastError('invalid_message', { message: `${other}: not together with ${one}` })
  }
}

/** A line break between tokens, the only place for one, would end the line of an ndjson receiver. */
function contentOf(raw: string | undefined): string {
  return raw?.replaceAll(/[\n\r]/g, ' ') ?? 'null'
}

function malformed(message: string, id?: string): UndecodableError {
  return new UndecodableError(new RoomcastError('invalid_message', { message }), id)
}
