import t from 'tap'
import { type FrameEvents, FrameReader } from '../../bench/load/frame-reader.js'
import { Opcode } from '../../bench/load/frames.js'

const mark = { index: 9, byte: 'c'.charCodeAt(0) }
const message = (padding: number) => `{"type":"chat_message","content":"${'x'.repeat(padding)}"}`
const system = '{"type":"system","action":"online_count"}'

/** A frame of a server: text unless told otherwise. */
function frame(payload: string, opcode: number = Opcode.text): Buffer {
  const { length } = Buffer.from(payload)
  const head = length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 255] : [127, 0, 0, 0, 0, 0]
  const bytes = Buffer.from([0x80 | opcode, ...head])
  if (length < 65_536) return Buffer.concat([bytes, Buffer.from(payload)])
  const four = Buffer.alloc(4)
  four.writeUInt32BE(length)
  return Buffer.concat([bytes.subarray(0, 6), four, Buffer.from(payload)])
}

/** Reads pieces out of a buffer that is used again for each, as sockets do. */
function readPieces(pieces: readonly Buffer[], events: Partial<FrameEvents> = {}) {
  const others: string[] = []
  const reader = new FrameReader({ mark, onOther: (opcode, payload) => others.push(`${opcode} ${payload}`), ...events })
  const shared = Buffer.alloc(200_000)
  let count = 0
  for (const piece of pieces) {
    shared.fill(0x81)
    count += reader.read(shared, piece.copy(shared))
  }
  return { count, others }
}

const bytes = Buffer.concat([
  frame(message(10)),
  frame('serial-1', Opcode.ping),
  frame(message(150)),
  frame(system),
  frame('{}'),
  frame(message(300))
])
const others = ['9 serial-1', `1 ${system}`, '1 {}']

t.test('messages are counted wherever the bytes are cut', async (t) => {
  for (let cut = 0; cut <= bytes.length; cut++) {
    const seen = readPieces([bytes.subarray(0, cut), bytes.subarray(cut)])
    if (seen.count !== 3 || seen.others.join() !== others.join()) t.fail(`cut at ${cut}: ${JSON.stringify(seen)}`)
  }
  t.same(readPieces([bytes]), { count: 3, others })
})

t.test('and byte by byte, with the payload of each where it is wanted', async (t) => {
  const pieces = [...bytes].map((byte) => Buffer.from([byte]))
  t.same(readPieces(pieces), { count: 3, others })
  const heard: string[] = []
  t.same(readPieces(pieces, { onMessage: (payload) => heard.push(String(payload)) }), { count: 3, others })
  t.same(heard, [message(10), message(150), message(300)])
})

t.test('a payload of more than 64 KiB is jumped over, and one of many lines has each counted', async (t) => {
  const large = Buffer.concat([frame(message(100_000)), frame(message(1))])
  t.equal(readPieces([large.subarray(0, 5), large.subarray(5, 70_000), large.subarray(70_000)]).count, 2)
  const lines = frame([message(1), system, message(2), message(3)].join('\n'))
  t.same(readPieces([lines.subarray(0, 40), lines.subarray(40)], { lines: true }), {
    count: 3,
    others: [`1 ${system}`]
  })
})
