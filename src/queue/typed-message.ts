import { isUtf8 } from 'node:buffer'
import { RoomcastError } from '../errors.js'
import { DEPTH_MAX } from '../protocol/codec.js'
import { hasPrototypeKeys, parseObject } from '../protocol/json-object.js'
import { scanJsonObject } from '../protocol/json-scan.js'

/** A message with a type that says who handles it. */
export interface TypedMessage {
  readonly type: string
  readonly [field: string]: unknown
}

/** Handles the messages of a type. What it rejects with is told to people: as a failure or with the dead letter. */
export type MessageHandler = (message: TypedMessage) => unknown

/** A handler of an application failed, with its own words. */
export class HandlerError extends Error {
  readonly code = 'handler_failed'
}

export interface DecodedMessage {
  readonly message: TypedMessage
  /** The field `content` as it was written; undefined where there is none. */
  readonly content: string | undefined
}

/** Bytes → message. Throws `invalid_json` or `invalid_message`. */
export function decodeMessage(bytes: Buffer): DecodedMessage {
  if (!isUtf8(bytes)) throw new RoomcastError('invalid_json', { message: 'Not valid UTF-8' })
  const text = bytes.toString()
  const fields = parseObject(text)
  const { depth, value } = scanJsonObject(text, 'content')
  if (depth > DEPTH_MAX) {
    throw new RoomcastError('invalid_message', { message: `nested deeper than ${DEPTH_MAX} levels` })
  }
  if (hasPrototypeKeys(text, fields)) throw new RoomcastError('invalid_json')
  return { message: typed(fields), content: value }
}

function typed(fields: Record<string, unknown>): TypedMessage {
  const { type } = fields
  if (typeof type !== 'string') throw new RoomcastError('invalid_message', { message: 'type: expected string' })
  return { ...fields, type }
}
