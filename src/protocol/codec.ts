import type { TSchema } from '@sinclair/typebox'
import { RoomcastError } from '../errors.js'
import { type Command, type CommandType, commandSchemas, isCommandType } from './commands.js'
import { fitsBytes } from './ids.js'
import { hasPrototypeKeys, parseObject, relayedText } from './json-object.js'
import { scanJsonObject } from './json-scan.js'
import { CHAT_MESSAGE } from './message-types.js'
import { createValidator, type Validator } from './validation.js'

/** Deeper nesting is refused: `JSON.stringify` and many clients overflow on it. */
export const DEPTH_MAX = 64
const COMMAND_ID_BYTES_MAX = 64
const noTypes: ReadonlySet<string> = new Set()

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
  const fields = readObject(text)
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
    return { id, type, body, messageType, content: relayedText(value ?? 'null') } as Command
  } catch (error) {
    if (error instanceof RoomcastError) throw new UndecodableError(error, id)
    throw error
  }
}

function readObject(text: string): Record<string, unknown> {
  let fields: Record<string, unknown>
  try {
    fields = parseObject(text)
  } catch (error) {
    if (error instanceof RoomcastError) throw new UndecodableError(error)
    throw error
  }
  if (hasPrototypeKeys(text, fields)) throw new UndecodableError(new RoomcastError('invalid_json'), readId(fields))
  return fields
}

function readId({ id }: Record<string, unknown>): string | undefined {
  if (id === undefined) return undefined
  const valid = typeof id === 'string' && id !== '' && fitsBytes(id, COMMAND_ID_BYTES_MAX)
  if (!valid) throw malformed(`id: expected a string of 1 to ${COMMAND_ID_BYTES_MAX} bytes`)
  return id
}

/** Two fields that contradict each other. Throws `invalid_message`. */
export function refuseBoth(fields: object, one: string, other: string): void {
  if (one in fields && other in fields) {
    throw new RoomcastError('invalid_message', { message: `${other}: not together with ${one}` })
  }
}

function malformed(message: string, id?: string): UndecodableError {
  return new UndecodableError(new RoomcastError('invalid_message', { message }), id)
}
