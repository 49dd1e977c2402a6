import { frame, Opcode } from '../live/raw-socket.js'

/** What a client sends, byte for byte, and what has to come back. */
export interface HostileCase {
  /** Of the case in the published list of the Autobahn test suite. */
  readonly number: string
  readonly title: string
  /** Each is a write of its own. */
  readonly sends: readonly Buffer[]
  readonly answers: Answers
}

export interface Answers {
  /** Answers to text messages, as `briefly` writes them, in order. Where the connection is closed they may be cut short. */
  readonly heard?: readonly string[]
  /** Payloads of the pongs, in order. Where the connection is closed they may be cut short. */
  readonly pongs?: readonly string[]
  /** The server closes with this code; without it the connection has to be of use afterwards. */
  readonly closes?: number
}

export const PROTOCOL_ERROR: Answers = { closes: 1002 }
export const UNSUPPORTED: Answers = { closes: 1003 }
export const NOT_UTF8: Answers = { closes: 1007 }
export const TOO_LARGE: Answers = { closes: 1009 }

const EMPTY = JSON.stringify({ type: 'heartbeat', id: 'x', pad: '' })
/** The smallest message that is echoed, in a way: its answer names its id. */
export const ECHO_BYTES_MIN = EMPTY.length
export const ECHO: Answers = { heard: ['heartbeat_ack x'] }
/** Of a text of nothing; where a message is a line, it is none. */
export const EMPTY_TEXT: Answers = { heard: ['error invalid_json'] }
export const INVALID_JSON: Answers = { heard: ['error invalid_json'] }

/** A message of so many bytes that is answered by `ECHO`. */
export function echoOf(bytes: number): Buffer {
  return echoWith(Buffer.alloc(bytes - ECHO_BYTES_MIN, 'a'))
}

/** One that has these bytes within a string. */
export function echoWith(pad: Buffer): Buffer {
  return Buffer.concat([Buffer.from(EMPTY.slice(0, -2)), pad, Buffer.from(EMPTY.slice(-2))])
}

export function text(payload: Buffer | string): Buffer {
  return frame(payload)
}

export function binary(payload: Buffer | string): Buffer {
  return frame(payload, { opcode: Opcode.Binary })
}

export function ping(payload: Buffer | string = ''): Buffer {
  return frame(payload, { opcode: Opcode.Ping })
}

export function pong(payload: Buffer | string = ''): Buffer {
  return frame(payload, { opcode: Opcode.Pong })
}

/** A close frame; without a code it is empty. */
export function close(code?: number, reason: Buffer | string = ''): Buffer {
  if (code === undefined) return frame('', { opcode: Opcode.Close })
  return frame(Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(reason)]), { opcode: Opcode.Close })
}

/** A message in fragments, one frame each. */
export function fragments(pieces: readonly (Buffer | string)[], opcode: number = Opcode.Text): Buffer[] {
  return pieces.map((piece, index) =>
    frame(piece, { opcode: index === 0 ? opcode : Opcode.Continuation, fin: index === pieces.length - 1 })
  )
}

/** Bytes in pieces of so many. */
export function chop(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size)
  )
}

/** The three ways of the suite to send the same frames: in one write, each in its own, and byte by byte. */
export const inOneWrite = (frames: readonly Buffer[]): Buffer[] => [Buffer.concat(frames)]
export const byFrame = (frames: readonly Buffer[]): Buffer[] => [...frames]
export const byByte = (frames: readonly Buffer[]): Buffer[] => chop(Buffer.concat(frames), 1)
