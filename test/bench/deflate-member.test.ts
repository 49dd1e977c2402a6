import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { DeflateMember } from '../../bench/load/deflate-member.js'
import { orderUpdate } from '../../bench/load/order-updates.js'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer } from '../support/server.js'
import { watchWrites } from '../support/socket-writes.js'
import { until } from '../support/until.js'

const DEFLATED_TEXT_FRAME = 0xc1

/** The bytes of each message: as the member of a room counts them, and as the server wrote them. */
async function bytesOf(t: Test, COMPRESSION: boolean, contents: readonly object[]) {
  const { app, url } = await startServer(t, { COMPRESSION }, { clock: new ManualClock() })
  const heard: number[] = []
  const options = { port: Number(new URL(url).port), deflates: COMPRESSION, seat: { room: 'r', user: 'u' } }
  const member = await DeflateMember.join({ ...options, onMessage: (bytes) => heard.push(bytes) })
  t.teardown(() => member.destroy())
  const [accepted] = [...app.websocketServer.clients] as unknown as ReadonlyArray<{ readonly _socket: Duplex }>
  const writes = accepted === undefined ? [] : watchWrites(accepted._socket)
  for (const content of contents) {
    await request(`${url}/rooms/r/messages`, { method: 'POST', body: { content } })
    const count = heard.length + 1
    await until(() => heard.length === count)
  }
  const pieces = writes.flat() as Buffer[]
  return { heard, written: pieces.filter(isMessage).map(({ length }) => length) }
}

function isMessage(piece: Buffer): boolean {
  return piece[0] === DEFLATED_TEXT_FRAME || piece.includes('"chat_message"')
}

const contents = [{ text: 'small' }, orderUpdate(1), orderUpdate(2)]

t.test('messages are counted with what they have on the wire, deflated or not', async (t) => {
  const plain = await bytesOf(t, false, contents)
  const deflated = await bytesOf(t, true, contents)
  t.same(plain.heard, plain.written)
  t.same(deflated.heard, deflated.written)
  t.same(
    deflated.heard.map((bytes, index) => bytes < (plain.heard[index] ?? 0) / 2),
    [false, true, true]
  )
})

t.test('what it says is understood, deflated or not', async (t) => {
  for (const deflates of [false, true]) {
    const { url } = await startServer(t, { COMPRESSION: true })
    const [heard, port] = [[] as number[], Number(new URL(url).port)]
    const seat = { room: 'r', user: 'u' }
    const member = await DeflateMember.join({ port, deflates, seat, onMessage: (bytes) => heard.push(bytes) })
    t.teardown(() => member.destroy())
    member.say(JSON.stringify({ type: 'chat_message', room: 'r', content: orderUpdate(1) }))
    await until(() => heard.length === 1)
    const { body } = await request(`${url}/rooms/r/history`)
    t.same(body.messages[0].content, orderUpdate(1))
  }
})

t.test('one whose offer is not taken does not come in', async (t) => {
  const { url } = await startServer(t, { COMPRESSION: false })
  await t.rejects(DeflateMember.join({ port: Number(new URL(url).port), deflates: true }), /refused: HTTP.1.1 101/)
})

t.test('updates of orders are the same for the same number, of some 2 KB, and no other number has them', async (t) => {
  const texts = [1, 2, 1].map((number) => JSON.stringify(orderUpdate(number)))
  t.equal(texts[0], texts[2])
  t.not(texts[0], texts[1])
  for (const { length } of texts) t.ok(length >= 2048 && length < 2500, `${length}`)
})
