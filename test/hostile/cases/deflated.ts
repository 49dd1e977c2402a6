import { randomBytes } from 'node:crypto'
import { constants, deflateRawSync } from 'node:zlib'
import { type FrameOptions, frame, Opcode } from '../../live/raw-socket.js'
import {
  chop,
  ECHO,
  ECHO_BYTES_MIN,
  echoOf,
  echoWith,
  type HostileCase,
  NOT_UTF8,
  PROTOCOL_ERROR,
  TOO_LARGE,
  UNSUPPORTED
} from '../case.js'

const DEFLATED = 4
/** What every deflated message ends with, and none is sent with. */
const TAIL_BYTES = 4
const TIMES = 10

function deflate(message: Buffer): Buffer {
  return deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -TAIL_BYTES)
}

function deflated(message: Buffer, options: FrameOptions = {}): Buffer {
  return frame(deflate(message), { rsv: DEFLATED, ...options })
}

/** One message in frames of so many bytes: the first says that all are deflated. */
function inFragments(message: Buffer, size: number): Buffer[] {
  const pieces = chop(deflate(message), size)
  return pieces.map((piece, index) =>
    frame(piece, {
      rsv: index === 0 ? DEFLATED : 0,
      opcode: index === 0 ? Opcode.Text : Opcode.Continuation,
      fin: index === pieces.length - 1
    })
  )
}

/** Letters that deflate badly. */
function noise(bytes: number): Buffer {
  return echoWith(
    Buffer.from(
      randomBytes(bytes)
        .toString('base64')
        .slice(0, bytes - ECHO_BYTES_MIN)
    )
  )
}

const sizes = [64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536]

/** Groups 12 and 13, in small: what is deflated well and badly, and what is not deflated at all. */
export const deflatedCases: readonly HostileCase[] = [
  ...sizes.map((bytes, index) => ({
    number: `12.1.${index + 1}`,
    title: `${TIMES} deflated texts of ${bytes} bytes`,
    sends: [Buffer.concat(Array.from({ length: TIMES }, () => deflated(echoOf(bytes))))],
    answers: { heard: Array.from({ length: TIMES }, () => ECHO.heard?.[0] ?? '') }
  })),
  ...sizes.map((bytes, index) => ({
    number: `12.2.${index + 1}`,
    title: `a text of ${bytes} bytes that deflates badly, in fragments`,
    sends: [Buffer.concat(inFragments(noise(bytes), Math.ceil(bytes / 50)))],
    answers: ECHO
  })),
  {
    number: '12.3.1',
    title: 'a deflated text, byte by byte',
    sends: chop(deflated(noise(256)), 1),
    answers: ECHO
  },
  {
    number: '13.1.1',
    title: 'nothing that could be inflated',
    sends: [frame(Buffer.alloc(100, 255), { rsv: DEFLATED })],
    answers: NOT_UTF8
  },
  {
    number: '13.1.2',
    title: 'deflated bytes that are not UTF-8',
    sends: [deflated(echoWith(Buffer.of(0xff)))],
    answers: NOT_UTF8
  },
  {
    number: '13.1.3',
    title: 'deflated binary bytes',
    sends: [deflated(Buffer.alloc(1000), { opcode: Opcode.Binary })],
    answers: UNSUPPORTED
  },
  {
    number: '13.1.4',
    title: 'ten kilobytes that inflate to ten million bytes',
    sends: [deflated(Buffer.alloc(10_000_000, 32))],
    answers: TOO_LARGE
  },
  {
    number: '13.1.5',
    title: 'the bit of deflated messages on a continuation',
    sends: inFragments(noise(256), 50).map((bytes, index) =>
      index === 1 ? frame('x', { rsv: DEFLATED, opcode: Opcode.Continuation, fin: false }) : bytes
    ),
    answers: PROTOCOL_ERROR
  },
  {
    number: '13.1.6',
    title: 'the bit of deflated messages on a ping',
    sends: [frame('x', { rsv: DEFLATED, opcode: Opcode.Ping })],
    answers: PROTOCOL_ERROR
  }
]
