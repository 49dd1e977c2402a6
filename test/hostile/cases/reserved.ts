import { frame, Opcode } from '../../live/raw-socket.js'
import {
  byByte,
  byFrame,
  ECHO_BYTES_MIN,
  echoOf,
  type HostileCase,
  inOneWrite,
  PROTOCOL_ERROR,
  ping,
  text
} from '../case.js'

const echo = echoOf(ECHO_BYTES_MIN + 10)
const brokenAfterEcho = { closes: 1002, heard: ['heartbeat_ack x'] } as const

function between(broken: Buffer): Buffer[] {
  return [text(echo), broken, ping('never answered')]
}

/** Group 3: bits that only an extension may set. */
const rsvCases: readonly HostileCase[] = [
  { number: '3.1', title: 'RSV 1 on a text', sends: [frame(echo, { rsv: 1 })], answers: PROTOCOL_ERROR },
  {
    number: '3.2',
    title: 'RSV 2 on a text between two good frames',
    sends: inOneWrite(between(frame(echo, { rsv: 2 }))),
    answers: brokenAfterEcho
  },
  {
    number: '3.3',
    title: 'RSV 3 on a text between two good frames, frame by frame',
    sends: byFrame(between(frame(echo, { rsv: 3 }))),
    answers: brokenAfterEcho
  },
  {
    number: '3.4',
    title: 'RSV 4 on a text between two good frames, byte by byte',
    sends: byByte(between(frame(echo, { rsv: 4 }))),
    answers: brokenAfterEcho
  },
  {
    number: '3.5',
    title: 'RSV 5 on binary bytes',
    sends: [frame(Buffer.alloc(8, 255), { rsv: 5, opcode: Opcode.Binary })],
    answers: PROTOCOL_ERROR
  },
  {
    number: '3.6',
    title: 'RSV 6 on a ping',
    sends: [frame('hello', { rsv: 6, opcode: Opcode.Ping })],
    answers: PROTOCOL_ERROR
  },
  {
    number: '3.7',
    title: 'RSV 7 on a close',
    sends: [frame(Buffer.of(3, 232), { rsv: 7, opcode: Opcode.Close })],
    answers: PROTOCOL_ERROR
  }
]

/** Five unknown opcodes: alone, with a payload, and between good frames in the three ways. */
function opcodeCases(group: string, first: number): HostileCase[] {
  const of = (offset: number, payload: string) => frame(payload, { opcode: first + offset })
  return [
    { title: 'alone', sends: [of(0, '')], answers: PROTOCOL_ERROR },
    { title: 'with a payload', sends: [of(1, 'reserved payload')], answers: PROTOCOL_ERROR },
    { title: 'between good frames', sends: inOneWrite(between(of(2, ''))), answers: brokenAfterEcho },
    {
      title: 'with a payload between good frames, frame by frame',
      sends: byFrame(between(of(3, 'reserved payload'))),
      answers: brokenAfterEcho
    },
    {
      title: 'with a payload between good frames, byte by byte',
      sends: byByte(between(of(4, 'reserved payload'))),
      answers: brokenAfterEcho
    }
  ].map(({ title, ...rest }, index) => ({
    number: `${group}.${index + 1}`,
    title: `the unknown opcode ${first + index} ${title}`,
    ...rest
  }))
}

/** Groups 3 and 4. */
export const reservedCases: readonly HostileCase[] = [...rsvCases, ...opcodeCases('4.1', 3), ...opcodeCases('4.2', 11)]
