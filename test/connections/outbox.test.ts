import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Chunk, joinLines } from '../../src/connections/chunk.js'
import { fakeConnection } from '../support/fake-transport.js'

const payload = (text: string) => Buffer.from(text)

t.test('everything of one turn leaves in one write, in order', async (t) => {
  const { connection, transport } = fakeConnection()
  for (const text of ['a', 'b', 'c']) connection.outbox.pushPayload(payload(text))
  t.equal(transport.writes, 0)
  await nextTurn()
  t.strictSame(transport.payloads, ['a', 'b', 'c'])
  t.equal(transport.writes, 1)
})

t.test('a close writes what is queued first, and nothing is taken after it', async (t) => {
  const { connection, transport } = fakeConnection()
  connection.outbox.pushPayload(payload('last words'))
  connection.close(1012)
  connection.outbox.pushPayload(payload('too late'))
  await nextTurn()
  t.strictSame(transport.payloads, ['last words'])
  t.equal(transport.closedWith, 1012)
})

t.test('who waits for a lagging connection goes on when it has drained, or is closed', async (t) => {
  const { connection, transport } = fakeConnection({ slowConsumerBytes: 10 })
  transport.stuck = true
  connection.outbox.pushPayload(payload('x'.repeat(11)))
  t.ok(connection.outbox.lagging)
  await nextTurn()
  let drained = false
  const waiting = connection.outbox.ready().then(() => {
    drained = true
  })
  await nextTurn()
  t.notOk(drained)
  transport.drain()
  await waiting

  transport.stuck = true
  connection.outbox.pushPayload(payload('x'.repeat(11)))
  await nextTurn()
  const closed = connection.outbox.ready()
  connection.close(4000)
  await closed
  await connection.outbox.ready()
  t.pass('nobody waits for ever')
})

t.test('frames have the length that RFC 6455 asks for, at every border', async (t) => {
  for (const [length, header] of [
    [0, [0x81, 0]],
    [125, [0x81, 125]],
    [126, [0x81, 126, 0, 126]],
    [65_535, [0x81, 126, 255, 255]],
    [65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]]
  ] as const) {
    const { frames } = new Chunk([Buffer.alloc(length, 'x')])
    t.strictSame([...frames.subarray(0, header.length)], header)
    t.equal(frames.length, header.length + length)
  }
})

t.test('a chunk builds its bytes once for each form, however many receive it', async (t) => {
  const chunk = new Chunk([payload('a'), payload('b')])
  t.equal(chunk.frames, chunk.frames)
  t.equal(chunk.joinedFrames, chunk.joinedFrames)
  t.strictSame([...chunk.joinedFrames], [0x81, 3, ...payload('a\nb')])
})

t.test('lines are joined up to a size, and a larger message stays alone', async (t) => {
  const large = Buffer.alloc(300_000, 'x')
  const texts = joinLines([payload('a'), payload('b'), large, payload('c')])
  t.strictSame(
    texts.map(({ length }) => length),
    [3, 300_000, 1]
  )
  t.strictSame(joinLines([]), [])
})
