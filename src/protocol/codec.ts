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

/** A message that could not be understood; `id` and `type` are the client's, where that much was clear. */
export class UndecodableError extends Error {
  readonly id: string | undefined
  readonly type: string | undefined
  readonly failure: RoomcastError

  constructor(failure: RoomcastError, id?: string, type?: string) {
    super(failure.message)
    this.failure = failure
    this.id = id
    this.type = type
  }
}

/** The `id` of a message that is not to be understood, at a tenth of the cost. Undefined where it has no valid one. */
export function readIdAlone(text: string): string | undefined {
  try {
    const { value = 'null' } = scanJsonObject(text, 'id')
    const id: unknown = JSON.parse(value)
    return typeof id === 'string' && isCommandId(id) ? id : undefined
  } catch {
    return undefined
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
  if (!isCommandType(type)) throw new UndecodableError(new RoomcastError('unknown_type'), id, messageType)
  const { depth, value } = scanJsonObject(text, 'content')
  if (depth > DEPTH_MAX) throw malformed(`nested deeper than ${DEPTH_MAX} levels`, id, type)
  try {
    const body = validators[type](fields)
    refuseBoth(body, 'since', 'last')
    refuseBoth(body, 'after', 'before')
    refuseBoth(body, 'room', 'group')
    return { id, type, body, messageType, content: relayedText(value ?? 'null') } as Command
  } catch (error) {
    if (error instanceof RoomcastError) throw new UndecodableError(error, id, type)
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
  if (typeof id !== 'string' || !isCommandId(id))
    throw malformed(`id: expected a string of 1 to ${COMMAND_ID_BYTES_MAX} bytes`)
  return id
}

/** Two fields that contradict each other. Throws `invalid_message`. */
export function refuseBoth(fields: object, one: string, other: string): void {
  if (one in fields && other in fields) {
    throw new RoomcastError('invalid_message', { message: `${other}: not together with ${one}` })
  }
}

function isCommandId(id: string): boolean {
  return id !== '' && fitsBytes(id, COMMAND_ID_BYTES_MAX)
}

function malformed(message: string, id?: string, type?: string): UndecodableError {
  return new UndecodableError(new RoomcastError('invalid_message', { message }), id, type)
}
