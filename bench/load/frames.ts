import { constants, deflateRawSync } from 'node:zlib'

/** FIN and text. */
const TEXT = 0x81
/** The bit of a message that permessage-deflate was used on (RFC 7692, section 6), and what it is sent without (7.2.1). */
const DEFLATED = 0x40
const TAIL_BYTES = 4
const MASKED = 0x80
const MASK_BYTES = 4
const BYTE_LENGTH_MAX = 125
const SHORT_LENGTH_MAX = 65_535

export const Opcode = { text: 1, close: 8, ping: 9, pong: 10 } as const

/** A text frame of a client. Its mask is four zeros: valid, and the payload stays as it is. */
export function encodeText(text: string): Buffer {
  return encodeFrame(TEXT, Buffer.from(text))
}

/** The same by a client with permessage-deflate that keeps no context. */
export function encodeDeflatedText(text: string): Buffer {
  const bytes = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH })
  return encodeFrame(TEXT | DEFLATED, bytes.subarray(0, bytes.length - TAIL_BYTES))
}

/** The answer to a ping: its payload goes back. */
export function encodePong(payload: Buffer): Buffer {
  return encodeFrame(0x80 | Opcode.pong, payload)
}

function encodeFrame(first: number, payload: Buffer): Buffer {
  return Buffer.concat([header(first, payload.length), payload])
}

/** Throws for payloads over 64 KiB: the bench sends none. */
function header(first: number, length: number): Buffer {
  if (length > SHORT_LENGTH_MAX) throw new RangeError(`a payload of ${length} bytes`)
  const isShort = length > BYTE_LENGTH_MAX
  const bytes = Buffer.alloc((isShort ? 4 : 2) + MASK_BYTES)
  bytes[0] = first
  bytes[1] = MASKED | (isShort ? 126 : length)
  if (isShort) bytes.writeUInt16BE(length, 2)
  return bytes
}
