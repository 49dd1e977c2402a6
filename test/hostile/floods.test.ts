import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { NDJSON } from '../../src/connections/socket-transport.js'
import { frame, Opcode, openRaw, type RawSocket } from '../live/raw-socket.js'
import { ManualClock } from '../support/manual-clock.js'
import { startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { Bystander } from './bystander.js'
import { close, fragments, ping, pong } from './case.js'
import { processFaults } from './process-faults.js'

t.setTimeout(120_000)

const TOO_MANY_PIECES = 1009

const continuation = (payload: string) => frame(payload, { opcode: Opcode.Continuation, fin: false })
const many = (bytes: Buffer, count: number) => Buffer.concat(Array.from({ length: count }, () => bytes))

/** What the server keeps of the message that its only client has not ended. */
function fragmentsOf({ app }: TestServer): Buffer[] {
  const [socket] = [...app.websocketServer.clients] as unknown as Array<{
    readonly _receiver: { readonly _fragments: Buffer[] }
  }>
  return socket?._receiver._fragments ?? []
}

t.test('a fragment holds no more memory than its own, whatever came with it', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 0 })
  const client = await openRaw(t, server.url)
  const count = 100
  client.write(frame('{"type":"heartbeat","id":"x","pad":"', { fin: false }))
  // As much as is read at once.
  const ballast = many(pong(Buffer.alloc(125)), 500)
  for (let n = 0; n < count; n++) {
    const taken = client.socket.write(Buffer.concat([continuation('a'), ballast]))
    if (!taken) await new Promise((resolve) => client.socket.once('drain', resolve))
  }
  const kept = await until(
    () => fragmentsOf(server),
    ({ length }) => length === count + 1
  )
  const bytes = kept.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)
  t.ok(bytes < 2 * (count + 36), `${bytes} bytes`)
  client.write(frame('"}', { opcode: Opcode.Continuation }))
  await until(() => client.messages.some(({ type, id }) => type === 'heartbeat_ack' && id === 'x'))
})

/** Sends again and again until the server has closed. */
async function sendWithoutEnd(client: RawSocket, next: () => Buffer): Promise<void> {
  while (!client.ended && client.closeCode === undefined) {
    client.write(next())
    await nextTurn()
  }
}

t.test('a message in pieces without end is cut off, whatever its pieces are', async (t) => {
  const faults = processFaults(t)
  const server = await startServer(t)
  const bystander = await Bystander.of(server)
  const large = frame(Buffer.alloc(1_048_576, 32))
  let sent = 0
  const pieces: Record<string, () => Buffer> = {
    'empty fragments': () => many(continuation(''), 1000),
    'fragments of one byte': () => many(continuation('a'), 1000),
    'one frame, byte by byte': () => large.subarray(sent, ++sent)
  }
  for (const [title, next] of Object.entries(pieces)) {
    const client = await openRaw(t, server.url, { headers: { 'sec-websocket-protocol': NDJSON } })
    if (!title.startsWith('one')) client.write(frame('{', { fin: false }))
    await sendWithoutEnd(client, next)
    t.equal(client.closeCode, TOO_MANY_PIECES, title)
    client.socket.destroy()
    await bystander.hears()
  }
  t.strictSame(faults, [])
})

t.test('one that declares a length, or begins a message, and sends nothing more has no sign of life', async (t) => {
  const clock = new ManualClock()
  const server = await startServer(t, {}, { clock })
  const beginnings: Record<string, Buffer> = {
    nothing: Buffer.alloc(0),
    'half a header': Buffer.of(0x81),
    'the length of the largest message': Buffer.of(0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4),
    'a first fragment': fragments(['{', '}'])[0] ?? Buffer.alloc(0)
  }
  for (const [title, bytes] of Object.entries(beginnings)) {
    const client = await openRaw(t, server.url)
    client.write(bytes)
    for (let second = 0; second < 70 && client.closeCode === undefined; second++) {
      clock.advance(1000)
      // A byte of a frame that does not come to its end says nothing.
      if (title.startsWith('the length')) client.write(Buffer.of(second))
      await nextTurn()
    }
    await until(() => client.closeCode)
    t.equal(client.closeCode, 4000, title)
    client.socket.destroy()
  }
  await until(() => server.app.pool.size === 0)
})

t.test('one that pings and takes no pongs is cut off', async (t) => {
  const faults = processFaults(t)
  const server = await startServer(t)
  const bystander = await Bystander.of(server)
  const others = server.app.pool.size
  const client = await openRaw(t, server.url)
  client.socket.pause()
  // Each could be answered in its turn, were the answers taken.
  const pings = many(ping(Buffer.alloc(125)), 50)
  let [written, most] = [0, 0]
  while (server.app.pool.size > others) {
    if (client.socket.writable) written += pings.length
    client.write(pings)
    for (const socket of server.app.websocketServer.clients) most = Math.max(most, socket.bufferedAmount)
    await nextTurn()
  }
  t.ok(most < 100_000, `${most} bytes waited of ${written}`)
  await bystander.hears()
  t.strictSame(faults, [])
})

t.test('pings that come in one piece, more than anybody needs, end the connection', async (t) => {
  const server = await startServer(t)
  const client = await openRaw(t, server.url)
  client.write(many(ping(), 1000))
  await client.closed()
  await until(() => server.app.pool.size === 0)
})

t.test('pongs that nobody asked for are passed over', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 0 })
  const client = await openRaw(t, server.url)
  const pongs = many(pong('1'.repeat(125)), 1000)
  for (let n = 0; n < 50; n++) {
    if (!client.socket.write(pongs)) await new Promise((resolve) => client.socket.once('drain', resolve))
  }
  client.send({ type: 'heartbeat', id: 'x' })
  await until(() => client.messages.some(({ id }) => id === 'x'))
  t.equal(client.frames.length, 2, 'the welcome and this answer')
  client.write(close(1000))
  t.equal(await client.closed(), 1000)
})

for (const [name, piece] of Object.entries({ pings: ping(), pongs: pong() })) {
  t.test(`${name} count as messages: a flood of them is closed with 4002`, async (t) => {
    const server = await startServer(t, {}, { clock: new ManualClock() })
    const bystander = await Bystander.of(server)
    const client = await openRaw(t, server.url)
    // A few at a time: of pings that come in one piece nobody could take all the answers.
    for (let n = 0; n < 1199; n++) {
      client.write(piece)
      if (name === 'pings' && n % 20 === 19) await until(() => client.frames.length > n + 1)
    }
    client.send({ type: 'heartbeat', id: 'x' })
    t.equal(await client.closed(), 4002)
    t.match(server.app.limiter.refusals, { limits: { connection_messages: 1000 }, closes: { RateLimitBroken: 1 } })
    t.equal(client.messages.filter(({ type }) => type === 'error').length, 1, 'only a message is answered')
    await bystander.hears()
  })
}
