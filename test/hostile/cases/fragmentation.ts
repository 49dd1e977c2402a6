import { frame, Opcode } from '../../live/raw-socket.js'
import {
  byByte,
  byFrame,
  chop,
  ECHO,
  ECHO_BYTES_MIN,
  echoOf,
  fragments,
  type HostileCase,
  inOneWrite,
  PROTOCOL_ERROR,
  ping,
  text
} from '../case.js'

const echo = echoOf(ECHO_BYTES_MIN + 4)
const halves = fragments(chop(echo, Math.ceil(echo.length / 2)))
const fifths = fragments(chop(echo, Math.ceil(echo.length / 5)))
const [first = text(''), second = text('')] = halves
const ways = [
  ['', inOneWrite],
  [', frame by frame', byFrame],
  [', byte by byte', byByte]
] as const

const stray = (fin: boolean) => frame('nothing to continue', { opcode: Opcode.Continuation, fin })
const pingBetween = [first, ping('between'), second]
const pingsBetween = fifths.flatMap((fragment, index) => (index === 4 ? [fragment] : [fragment, ping(`${index}`)]))
const strayThenWhole = [stray(false), ...halves, stray(false), ...halves]
const pongsBetween = { ...ECHO, pongs: ['0', '1', '2', '3'] }

/** The same frames in each way, under numbers that follow one another. */
function inEachWay(
  start: number,
  title: string,
  frames: readonly Buffer[],
  answers: HostileCase['answers']
): HostileCase[] {
  return ways.map(([way, send], index) => ({
    number: `5.${start + index}`,
    title: title + way,
    sends: send(frames),
    answers
  }))
}

/** Group 5. */
export const fragmentationCases: readonly HostileCase[] = [
  {
    number: '5.1',
    title: 'a ping in two fragments',
    sends: fragments(['frag', 'ments'], Opcode.Ping),
    answers: PROTOCOL_ERROR
  },
  {
    number: '5.2',
    title: 'a pong in two fragments',
    sends: fragments(['frag', 'ments'], Opcode.Pong),
    answers: PROTOCOL_ERROR
  },
  ...inEachWay(3, 'a text in two fragments', halves, ECHO),
  ...inEachWay(6, 'a ping between two fragments', pingBetween, { ...ECHO, pongs: ['between'] }),
  ...inEachWay(9, 'a last continuation of nothing', [stray(true), text(echo)], PROTOCOL_ERROR),
  ...inEachWay(12, 'a continuation of nothing', [stray(false), text(echo)], PROTOCOL_ERROR),
  {
    number: '5.15',
    title: 'a continuation of nothing behind a whole message',
    sends: inOneWrite([...halves, stray(false), text(echo)]),
    answers: { closes: 1002, heard: ECHO.heard ?? [] }
  },
  {
    number: '5.16',
    title: 'twice a continuation of nothing before a message in fragments',
    sends: inOneWrite(strayThenWhole),
    answers: PROTOCOL_ERROR
  },
  {
    number: '5.17',
    title: 'twice a last continuation of nothing before a message in fragments',
    sends: inOneWrite([stray(true), ...halves, stray(true), ...halves]),
    answers: PROTOCOL_ERROR
  },
  {
    number: '5.18',
    title: 'a new message within a message',
    sends: [first, text(echo)],
    answers: PROTOCOL_ERROR
  },
  {
    number: '5.19',
    title: 'pings between five fragments, frame by frame',
    sends: byFrame(pingsBetween),
    answers: pongsBetween
  },
  { number: '5.20', title: 'pings between five fragments', sends: inOneWrite(pingsBetween), answers: pongsBetween }
]
