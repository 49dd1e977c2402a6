import { RoomcastError } from '../errors.js'
import { DEPTH_MAX } from '../protocol/codec.js'
import { scanJsonObject } from '../protocol/json-scan.js'

/** A content of a REST request as JSON text. Throws `message_too_large` or `invalid_message`. */
export function encodeContent(content: unknown, bytesMax: number): string {
  const text = stringify(content)
  if (Buffer.byteLength(text) > bytesMax) {
    throw new RoomcastError('message_too_large', { message: `content: more than ${bytesMax} bytes` })
  }
  // The message around it is one level more.
  if (scanJsonObject(text, '').depth >= DEPTH_MAX) throw tooDeep()
  return text
}

function stringify(content: unknown): string {
  try {
    return JSON.stringify(content) ?? 'null'
  } catch {
    throw tooDeep()
  }
}

function tooDeep(): RoomcastError {
  return new RoomcastError('invalid_message', { message: `content: nested deeper than ${DEPTH_MAX} levels` })
}
