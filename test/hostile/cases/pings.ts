import { byByte, type HostileCase, inOneWrite, PROTOCOL_ERROR, ping, pong } from '../case.js'

const odd = Buffer.of(0, 255, 254, 253, 252, 251, 0, 255)
const long = Buffer.alloc(125, 254)
const tooLong = Buffer.alloc(126, 254)
const ten = Array.from({ length: 10 }, (_, index) => `payload ${index}`)

/** Group 2. */
export const pingCases: readonly HostileCase[] = [
  { number: '2.1', title: 'an empty ping', sends: [ping()], answers: { pongs: [''] } },
  { number: '2.2', title: 'a ping with a text', sends: [ping('hello')], answers: { pongs: ['hello'] } },
  { number: '2.3', title: 'a ping with no text', sends: [ping(odd)], answers: { pongs: [odd.toString('latin1')] } },
  { number: '2.4', title: 'a ping of 125 bytes', sends: [ping(long)], answers: { pongs: [long.toString('latin1')] } },
  { number: '2.5', title: 'a ping of 126 bytes', sends: [ping(tooLong)], answers: PROTOCOL_ERROR },
  {
    number: '2.6',
    title: 'a ping of 125 bytes, byte by byte',
    sends: byByte([ping(long)]),
    answers: { pongs: [long.toString('latin1')] }
  },
  { number: '2.7', title: 'an unasked pong', sends: [pong()], answers: {} },
  { number: '2.8', title: 'an unasked pong with a payload', sends: [pong('unasked')], answers: {} },
  {
    number: '2.9',
    title: 'an unasked pong, then a ping',
    sends: [pong('unasked'), ping('asked')],
    answers: { pongs: ['asked'] }
  },
  { number: '2.10', title: 'ten pings', sends: inOneWrite(ten.map(ping)), answers: { pongs: ten } },
  { number: '2.11', title: 'ten pings, byte by byte', sends: byByte(ten.map(ping)), answers: { pongs: ten } }
]
