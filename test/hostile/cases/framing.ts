import { binary, chop, ECHO, ECHO_BYTES_MIN, EMPTY_TEXT, echoOf, type HostileCase, text, UNSUPPORTED } from '../case.js'

/** Each is where the form of the length changes. */
const lengths = [0, 125, 126, 127, 128, 65_535, 65_536]
const CHOP_BYTES = 997

function textOf(bytes: number): Buffer {
  return text(bytes < ECHO_BYTES_MIN ? Buffer.alloc(bytes) : echoOf(bytes))
}

/** Group 1. */
export const framingCases: readonly HostileCase[] = [
  ...lengths.map((bytes, index) => ({
    number: `1.1.${index + 1}`,
    title: `a text of ${bytes} bytes`,
    sends: [textOf(bytes)],
    answers: bytes === 0 ? EMPTY_TEXT : ECHO
  })),
  { number: '1.1.8', title: 'a text of 65536 bytes, chopped', sends: chop(textOf(65_536), CHOP_BYTES), answers: ECHO },
  ...lengths.map((bytes, index) => ({
    number: `1.2.${index + 1}`,
    title: `${bytes} binary bytes`,
    sends: [binary(Buffer.alloc(bytes, 254))],
    answers: UNSUPPORTED
  })),
  {
    number: '1.2.8',
    title: '65536 binary bytes, chopped',
    sends: chop(binary(Buffer.alloc(65_536, 254)), CHOP_BYTES),
    answers: UNSUPPORTED
  }
]
