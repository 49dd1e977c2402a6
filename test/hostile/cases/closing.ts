import { frame, Opcode } from '../../live/raw-socket.js'
import {
  close,
  ECHO,
  ECHO_BYTES_MIN,
  echoOf,
  fragments,
  type HostileCase,
  NOT_UTF8,
  PROTOCOL_ERROR,
  ping,
  TOO_LARGE,
  text
} from '../case.js'

const echo = text(echoOf(ECHO_BYTES_MIN))
const [opened = echo, continued = echo] = fragments([echoOf(ECHO_BYTES_MIN).subarray(0, 9), 'the rest'])
const goodbye: HostileCase['answers'] = { closes: 1000 }

const validCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
const invalidCodes = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]
/** Beyond what the RFC speaks of. */
const unspokenCodes = [5000, 65_535]

/** Group 7. */
export const closingCases: readonly HostileCase[] = [
  {
    number: '7.1.1',
    title: 'a message, then a close',
    sends: [echo, close(1000)],
    answers: { ...goodbye, heard: ECHO.heard ?? [] }
  },
  { number: '7.1.2', title: 'two closes', sends: [Buffer.concat([close(1000), close(1000)])], answers: goodbye },
  {
    number: '7.1.3',
    title: 'a ping behind the close',
    sends: [Buffer.concat([close(1000), ping()])],
    answers: goodbye
  },
  { number: '7.1.4', title: 'a text behind the close', sends: [Buffer.concat([close(1000), echo])], answers: goodbye },
  {
    number: '7.1.5',
    title: 'a close within a message, and the rest of it',
    sends: [Buffer.concat([opened, close(1000), continued])],
    answers: goodbye
  },
  {
    number: '7.1.6',
    title: 'a message over the limit, another one, then a close',
    sends: [text(echoOf(2_000_000)), echo, close(1000)],
    answers: TOO_LARGE
  },
  { number: '7.3.1', title: 'a close without a body', sends: [close()], answers: { closes: 1005 } },
  {
    number: '7.3.2',
    title: 'a close of one byte',
    sends: [frame(Buffer.of(3), { opcode: Opcode.Close })],
    answers: PROTOCOL_ERROR
  },
  { number: '7.3.3', title: 'a close with a code', sends: [close(1000)], answers: goodbye },
  { number: '7.3.4', title: 'a close with a reason', sends: [close(1000, 'farewell')], answers: goodbye },
  { number: '7.3.5', title: 'a close of 125 bytes', sends: [close(1000, 'x'.repeat(123))], answers: goodbye },
  { number: '7.3.6', title: 'a close of 126 bytes', sends: [close(1000, 'x'.repeat(124))], answers: PROTOCOL_ERROR },
  {
    number: '7.5.1',
    title: 'a reason that is not UTF-8',
    sends: [close(1000, Buffer.of(0xce, 0xba, 0xed, 0xa0, 0x80))],
    answers: NOT_UTF8
  },
  ...validCodes.map((code, index) => ({
    number: `7.7.${index + 1}`,
    title: `the code ${code}`,
    sends: [close(code)],
    answers: { closes: code }
  })),
  ...invalidCodes.map((code, index) => ({
    number: `7.9.${index + 1}`,
    title: `the invalid code ${code}`,
    sends: [close(code)],
    answers: PROTOCOL_ERROR
  })),
  ...unspokenCodes.map((code, index) => ({
    number: `7.13.${index + 1}`,
    title: `the code ${code}`,
    sends: [close(code)],
    answers: PROTOCOL_ERROR
  }))
]
