import { Opcode } from '../../live/raw-socket.js'
import {
  type Answers,
  binary,
  chop,
  ECHO,
  ECHO_BYTES_MIN,
  echoOf,
  fragments,
  type HostileCase,
  TOO_LARGE,
  text,
  UNSUPPORTED
} from '../case.js'

/** Bytes that the server takes: of a message, and of a frame, which in ndjson may hold more than one. */
export interface SizeLimits {
  readonly message: number
  readonly frame: number
  /** A frame holds messages line by line: an empty one holds none. */
  readonly lines: boolean
}

const KB = 1024
const MESSAGES = 1000
const MALFORMED_MAX = 20
const TOO_LONG_LINE: Answers = { heard: ['error message_too_large'] }

function textAnswers(bytes: number, { message, frame }: SizeLimits): Answers {
  if (bytes <= message) return ECHO
  return bytes <= frame ? TOO_LONG_LINE : TOO_LARGE
}

function binaryAnswers(bytes: number, { frame }: SizeLimits): Answers {
  return bytes <= frame ? UNSUPPORTED : TOO_LARGE
}

function whole(limits: SizeLimits): HostileCase[] {
  const sizes = [64 * KB, 256 * KB, 1024 * KB, 4096 * KB]
  return sizes.flatMap((bytes, index) => [
    {
      number: `9.1.${index + 1}`,
      title: `a text of ${bytes} bytes`,
      sends: [text(echoOf(bytes))],
      answers: textAnswers(bytes, limits)
    },
    {
      number: `9.2.${index + 1}`,
      title: `${bytes} binary bytes`,
      sends: [binary(Buffer.alloc(bytes, 254))],
      answers: binaryAnswers(bytes, limits)
    }
  ])
}

/** The suite sends 4 MB so; here it is the largest message, and twice as much as a frame may have. */
function inFragments(limits: SizeLimits): HostileCase[] {
  const sizes = [64, 256, KB, 4 * KB, 16 * KB]
  return sizes.flatMap((size, index) => [
    {
      number: `9.3.${index + 1}`,
      title: `a text of ${limits.message} bytes in fragments of ${size}`,
      sends: [Buffer.concat(fragments(chop(echoOf(limits.message), size)))],
      answers: ECHO
    },
    {
      number: `9.4.${index + 1}`,
      title: `${2 * limits.frame} binary bytes in fragments of ${size * 4}`,
      sends: [Buffer.concat(fragments(chop(Buffer.alloc(2 * limits.frame), size * 4), Opcode.Binary))],
      answers: TOO_LARGE
    }
  ])
}

function inChops(limits: SizeLimits): HostileCase[] {
  const sizes = [64, 128, 256, 512, KB, 2 * KB]
  return sizes.flatMap((size, index) => [
    {
      number: `9.5.${index + 1}`,
      title: `a text of ${limits.message} bytes in chops of ${size}`,
      sends: chop(text(echoOf(limits.message)), size),
      answers: ECHO
    },
    {
      number: `9.6.${index + 1}`,
      title: `${limits.message} binary bytes in chops of ${size}`,
      sends: chop(binary(Buffer.alloc(limits.message, 254)), size),
      answers: UNSUPPORTED
    }
  ])
}

/** Too small for a message of ours: 20 of these are enough. */
function smallAnswers(bytes: number, lines: boolean): Answers {
  if (bytes === 0 && lines) return {}
  const code = bytes === 0 ? 'error invalid_json' : 'error unknown_type'
  return { closes: 4500, heard: Array.from({ length: MALFORMED_MAX }, () => code) }
}

function manyMessages({ lines }: SizeLimits): HostileCase[] {
  return [0, 16, 64, 256, KB, 4 * KB].map((bytes, index) => {
    const small = bytes === 0 ? '' : '{"type":"dance"}'
    const one = bytes < ECHO_BYTES_MIN ? text(small) : text(echoOf(bytes))
    const echoes = { heard: Array.from({ length: MESSAGES }, () => ECHO.heard?.[0] ?? '') }
    return {
      number: `9.7.${index + 1}`,
      title: `${MESSAGES} texts of ${bytes} bytes`,
      sends: [Buffer.concat(Array.from({ length: MESSAGES }, () => one))],
      answers: bytes < ECHO_BYTES_MIN ? smallAnswers(bytes, lines) : echoes
    }
  })
}

/** Groups 9 and 10. */
export function sizeCases(limits: SizeLimits): HostileCase[] {
  return [
    ...whole(limits),
    ...inFragments(limits),
    ...inChops(limits),
    ...manyMessages(limits),
    {
      number: '9.8.1',
      title: `${MESSAGES} binary frames`,
      sends: [Buffer.concat(Array.from({ length: MESSAGES }, () => binary('x')))],
      answers: UNSUPPORTED
    },
    {
      number: '10.1.1',
      title: 'the largest message in fragments of 1300 bytes',
      sends: fragments(chop(echoOf(limits.message), 1300)),
      answers: ECHO
    }
  ]
}
