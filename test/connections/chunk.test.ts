import { constants, inflateRawSync } from 'node:zlib'
import t from 'tap'
import { Chunk } from '../../src/connections/chunk.js'

const TAIL = Buffer.of(0, 0, 0xff, 0xff)

interface Frame {
  readonly deflated: boolean
  readonly text: string
}

/** What a client makes of the bytes. */
function read(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let start = 0; start < bytes.length; ) {
    const [first = 0, short = 0] = bytes.subarray(start)
    const header = short < 126 ? 2 : short === 126 ? 4 : 10
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(start + 2) : Number(bytes.readBigUInt64BE(start + 2))
    const body = bytes.subarray(start + header, start + header + length)
    const deflated = first === 0xc1
    if (!deflated && first !== 0x81) throw new Error(`a frame that begins with ${first}`)
    frames.push({
      deflated,
      text: String(
        deflated ? inflateRawSync(Buffer.concat([body, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH }) : body
      )
    })
    start += header + length
  }
  return frames
}

const small = Buffer.from(JSON.stringify({ content: 'a' }))
const large = Buffer.from(JSON.stringify({ content: 'b'.repeat(2000) }))
const huge = Buffer.from(JSON.stringify({ content: 'c'.repeat(100_000) }))
const texts = [small, large, huge].map(String)

t.test('each message is a frame of its own, or a line of a joined one', async (t) => {
  const chunk = new Chunk([small, large, huge])
  t.strictSame(
    read(chunk.frames),
    texts.map((text) => ({ deflated: false, text }))
  )
  t.strictSame(read(chunk.joinedFrames), [{ deflated: false, text: texts.join('\n') }])
})

t.test('for clients with permessage-deflate what is large is deflated, once for all receivers', async (t) => {
  const [one, other] = [new Chunk([small, large, huge]), new Chunk([large])]
  t.strictSame(
    read(one.deflatedFrames),
    texts.map((text, index) => ({ deflated: index > 0, text }))
  )
  t.ok(one.deflatedFrames.length < small.length + 500)
  t.equal(one.deflatedFrames, one.deflatedFrames)
  t.strictSame(read(other.deflatedFrames), [{ deflated: true, text: texts[1] }])
  t.equal(other.deflatedJoinedFrames, other.deflatedFrames, 'alone it is joined with nothing')
})

t.test('a joined frame is deflated where it is for many', async (t) => {
  const payloads = [small, small, small]
  const text = payloads.map(String).join('\n')
  t.strictSame(read(new Chunk(payloads, { shared: true }).deflatedJoinedFrames), [{ deflated: true, text }])
  t.strictSame(read(new Chunk(payloads).deflatedJoinedFrames), [{ deflated: false, text }])
})
