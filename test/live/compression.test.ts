import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { WebSocket } from 'ws'
import type { Message } from '../support/live-client.js'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'
import { frame, handshake, openRaw } from './raw-socket.js'

const COMPRESSION = true
const DEFLATED = 4
const TAIL_BYTES = 4
const taken = [
  'client_no_context_takeover',
  'permessage-deflate',
  'server_max_window_bits=15',
  'server_no_context_takeover'
]

/** What is offered, and whether it is taken. */
const offers: ReadonlyArray<readonly [string, boolean]> = [
  ['permessage-deflate', true],
  ['permessage-deflate; client_max_window_bits', true],
  ['permessage-deflate; server_max_window_bits=15', true],
  ['permessage-deflate; server_max_window_bits=10', false],
  ['permessage-deflate; server_max_window_bits=10, permessage-deflate', true],
  ['permessage-deflate; unknown=1', false],
  ['x-webkit-deflate-frame', false],
  ['permessage-deflate; ;', false]
]

/** A text as a client with the extension sends it. */
function deflatedFrame(text: string): Buffer {
  const bytes = deflateRawSync(text, { finishFlush: 2 })
  return frame(bytes.subarray(0, bytes.length - TAIL_BYTES), { rsv: DEFLATED })
}

for (const [offered, isTaken] of offers) {
  t.test(
    `an offer of ${offered} is ${isTaken ? 'taken' : 'passed over, and the connection goes on without'}`,
    async (t) => {
      const server = await startServer(t, { COMPRESSION })
      const headers = { 'sec-websocket-extensions': offered }
      const answered = await handshake(t, server.url, { headers })
      t.equal(answered.status, 101)
      t.same(answered.headers['sec-websocket-extensions']?.split('; ').sort(), isTaken ? taken : undefined)
    }
  )
}

t.test('without the setting nothing is negotiated', async (t) => {
  const server = await startServer(t)
  const { headers } = await handshake(t, server.url, { headers: { 'sec-websocket-extensions': 'permessage-deflate' } })
  t.equal(headers['sec-websocket-extensions'], undefined)
})

/** A member of room r, and the bytes that came to it. */
async function member(url: string, { perMessageDeflate, protocol }: { perMessageDeflate: boolean; protocol?: string }) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, protocol === undefined ? [] : [protocol], {
    perMessageDeflate
  })
  t.teardown(() => socket.terminate())
  const heard: Message[] = []
  socket.on('message', (data) =>
    heard.push(
      ...data
        .toString()
        .split('\n')
        .map((line) => JSON.parse(line))
    )
  )
  await until(() => heard.length === 1)
  socket.send(JSON.stringify({ type: 'join_room', room: 'r', id: '1' }))
  await until(() => heard.some(({ type }) => type === 'ack'))
  const tcp = (socket as unknown as { readonly _socket: { readonly bytesRead: number } })._socket
  const contents = () => heard.filter(({ type }) => type === 'chat_message').map(({ content }) => content)
  return { socket, contents, bytes: () => tcp.bytesRead }
}

t.test('with and without it everybody hears the same, and large messages are small on the way', async (t) => {
  const { url } = await startServer(t, { COMPRESSION })
  const protocol = 'roomcast.v1.ndjson'
  const plain = await member(url, { perMessageDeflate: false })
  const deflating = await member(url, { perMessageDeflate: true })
  const joining = await member(url, { perMessageDeflate: true, protocol })
  const members = [plain, deflating, joining]
  const before = members.map(({ bytes }) => bytes())
  const large = 'all work and no play '.repeat(500)
  for (const content of ['small', large, { again: large }]) {
    await request(`${url}/rooms/r/messages`, { method: 'POST', body: { content } })
  }
  for (const { contents } of members) {
    await until(() => contents().length === 3)
    t.same(contents(), ['small', large, { again: large }])
  }
  const [plainBytes = 0, ...deflatedBytes] = members.map(({ bytes }, index) => bytes() - (before[index] ?? 0))
  t.ok(plainBytes > 2 * large.length)
  for (const bytes of deflatedBytes) t.ok(bytes < 2500, `${bytes}`)
})

t.test('what a client deflates is read, and its window is not kept', async (t) => {
  const server = await startServer(t, { COMPRESSION })
  const { socket, contents } = await member(server.url, { perMessageDeflate: true })
  const content = 'x'.repeat(5000)
  for (let time = 1; time <= 3; time++) {
    socket.send(JSON.stringify({ type: 'chat_message', room: 'r', content }))
    await until(() => contents().length === time)
  }
  t.same(contents(), [content, content, content])
  const [kept] = [...server.app.websocketServer.clients] as unknown as Array<{
    readonly _extensions: Record<string, { readonly _inflate: unknown; readonly _deflate: unknown }>
  }>
  const extension = kept?._extensions['permessage-deflate']
  t.match(extension, { _inflate: null, _deflate: null })
  t.match(extension, { _maxPayload: 1_048_576 }, 'nor does it inflate more than the largest frame may have')
})

t.test('what is larger than a message may be when it is inflated ends the connection, and nobody else', async (t) => {
  const { url } = await startServer(t, { COMPRESSION, MAX_MESSAGE_BYTES: 65_536 })
  const { contents } = await member(url, { perMessageDeflate: true })
  for (const bytes of [70_000, 2_000_000, 50_000_000]) {
    const sender = await openRaw(t, url, { headers: { 'sec-websocket-extensions': 'permessage-deflate' } })
    sender.write(deflatedFrame(`"${'x'.repeat(bytes)}"`))
    t.equal(await sender.closed(), 1009, `${bytes}`)
  }
  await request(`${url}/rooms/r/messages`, { method: 'POST', body: { content: 'still here' } })
  await until(() => contents().length === 1)
  t.same(contents(), ['still here'])
})
