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
  let text: string
  try {
    text = JSON.stringify(content) ?? 'null'
  } catch {
    throw tooDeep()
  }
  if (text.includes('null')) refuseInfinite(content)
  return text
}

/** A number like 1e400 was read as Infinity, and would be stored as null. */
function refuseInfinite(content: unknown): void {
  JSON.stringify(content, (_key, value) => {
    if (typeof value !== 'number' || Number.isFinite(value)) return value
    throw new RoomcastError('invalid_message', { message: 'content: a number is too large' })
  })
}

function tooDeep(): RoomcastError {
  return new RoomcastError('invalid_message', { message: `content: nested deeper than ${DEPTH_MAX} levels` })
}
