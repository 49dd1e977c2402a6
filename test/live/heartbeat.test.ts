import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Clock } from '../../src/clock.js'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { allAnswered, onEachStore } from './each-store.js'
import { frame, Opcode, openRaw, type RawSocket } from './raw-socket.js'

t.setTimeout(150_000)

const settings = { HEARTBEAT_INTERVAL: 1, HEARTBEAT_TIMEOUT: 2 }

t.test('the server pings every HEARTBEAT_INTERVAL with a growing serial', async (t) => {
  const server = await startServer(t, settings)
  const client = await openRaw(t, server.url)
  const times: number[] = []
  const pings = () => client.frames.filter(({ opcode }) => opcode === Opcode.Ping)
  for (let count = 1; count <= 4; count++) {
    await until(() => pings().length === count)
    times.push(Date.now())
    client.write(frame(pings().at(-1)?.payload ?? '', { opcode: Opcode.Pong }))
  }
  const gaps = times.slice(1).map((time, index) => time - (times[index] as number))
  t.ok(
    gaps.every((gap) => gap > 700 && gap < 1600),
    `${gaps}`
  )
  const serials = pings().map(({ payload }) => Number(payload.toString()))
  t.ok(
    serials.every((serial, index) => index === 0 || serial > (serials[index - 1] as number)),
    `${serials}`
  )
})

onEachStore('a connection that shows no sign of life is closed with 4000 and leaves its rooms', async (t, start) => {
  const server = await start(settings)
  const watcher = await server.connect('/ws?user_id=watcher')
  await watcher.ask({ type: 'join_room', room: 'r' })
  const begun = Date.now()
  const silent = await openRaw(t, server.url, { path: '/ws?user_id=silent' })
  silent.send({ type: 'join_room', room: 'r' })
  await until(() => silent.closeCode !== undefined)
  t.equal(silent.closeCode, 4000)
  const after = Date.now() - begun
  t.ok(after >= 1900 && after < 4000, `after ${after} ms`)
  await watcher.next((m) => m.action === 'user_left' && m.user_id === 'silent')
  // The socket itself goes when its peer has answered the close, or after 10 s.
  await until(async () => (await request(`${server.url}/online`)).body.connections === 1)
})

t.test('any frame is a sign of life', async (t) => {
  const server = await startServer(t, settings)
  const signs = {
    'a message': frame('{"type":"heartbeat"}'),
    'an error': frame('{"type":"join_room","room":".."}'),
    'a ping': frame('', { opcode: Opcode.Ping }),
    'an unasked pong': frame('', { opcode: Opcode.Pong })
  }
  const clients = await Promise.all(
    Object.entries(signs).map(async ([title, sign]) => ({ title, sign, raw: await openRaw(t, server.url) }))
  )
  // That nothing is closed can only be seen by waiting longer than the time-out.
  for (let n = 0; n < 10; n++) {
    for (const { raw, sign } of clients) raw.write(sign)
    await sleep(500)
  }
  for (const { raw, title } of clients) t.notOk(raw.ended || raw.closeCode !== undefined, title)
})

t.test('a client that only reads stays', async (t) => {
  const server = await startServer(t, settings)
  const client = await server.connect()
  await sleep(5000)
  t.equal(client.socket.readyState, client.socket.OPEN)
  t.equal((await client.ask({ type: 'heartbeat' })).type, 'heartbeat_ack')
})

t.test('a peer that does not finish the closing handshake is cut within 10 s', async (t) => {
  const server = await startServer(t)
  const client = await openRaw(t, server.url)
  // It sends its half of nothing: neither a close frame nor an end.
  client.socket.removeAllListeners('end')
  client.write(frame(Buffer.alloc(1), { opcode: Opcode.Binary }))
  await until(() => client.closeCode === 1003)
  const begun = Date.now()
  await until(async () => (await request(`${server.url}/online`)).body.connections === 0)
  t.ok(Date.now() - begun < 11_000)
})

/** Two that hear the same 30 MB, read nothing yet and answer no ping. */
async function startBackedUp(t: Test, clock?: Clock): Promise<{ server: TestServer; one: RawSocket; two: RawSocket }> {
  const server = await startServer(t, { ...settings, RATE_LIMIT_PER_SECOND: 0 }, clock && { clock })
  const [one, two] = [await openRaw(t, server.url), await openRaw(t, server.url)]
  for (const client of [one, two]) client.send({ type: 'join_room', room: 'r' })
  await until(async () => (await request(`${server.url}/rooms/r`)).body.connections === 2)
  for (const client of [one, two]) client.socket.pause()
  const publisher = await server.connect('/ws?user_id=publisher')
  for (let n = 1; n <= 500; n++) {
    publisher.send({ type: 'chat_message', room: 'r', content: 'x'.repeat(60_000) })
    if (n % 20 === 0) await allAnswered(publisher)
  }
  return { server, one, two }
}

t.test('one that takes nothing of what is queued is closed, pings that wait for it are no sign of life', async (t) => {
  const { server } = await startBackedUp(t)
  // The close frame waits behind the rest, so it takes the 10 s of a closing handshake as well.
  const gone = async () => (await request(`${server.url}/online`)).body.connections === 1
  await t.resolves(until(gone, Boolean, 16_000))
})

const BYTES_AT_ONCE = 600_000

/** Reads about so much and no more. */
async function take({ socket }: RawSocket, bytes: number): Promise<void> {
  let taken = 0
  const onData = (chunk: Buffer) => {
    taken += chunk.length
    if (taken >= bytes) socket.pause()
  }
  socket.on('data', onData)
  socket.resume()
  await until(() => socket.isPaused() || socket.destroyed)
  socket.off('data', onData)
}

t.test('taking what is queued is a sign of life, without any pong', async (t) => {
  const clock = new ManualClock(Date.now())
  const { one: steady } = await startBackedUp(t, clock)
  for (let passedMs = 0; passedMs < 6000; passedMs += 200) {
    await take(steady, BYTES_AT_ONCE)
    clock.advance(200)
  }
  t.ok(steady.frames.length < 500, 'there is more to take')
  t.equal(steady.closeCode, undefined)
  t.notOk(steady.ended)
})
