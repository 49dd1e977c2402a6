import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createHttpServer } from '../../src/app.js'
import { parseConfig } from '../../src/config.js'
import { request } from '../support/server.js'
import { until } from '../support/until.js'
import { processFaults } from './process-faults.js'

t.setTimeout(120_000)

/** What takes half a minute, in little. */
const TIMEOUT_MS = 100
const CHECK_MS = 20

const UPGRADE = [
  'GET /ws HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
  ''
].join('\r\n')
const POST = 'POST /rooms/r/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
const STATS = 'GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n'

interface NodeOptions {
  readonly timeoutMs?: number
  /** Of an application, before each request. */
  readonly hook?: () => Promise<void>
}

async function startNode(t: Test, { timeoutMs = TIMEOUT_MS, hook }: NodeOptions = {}) {
  const app = createHttpServer(parseConfig({ LOG_LEVEL: 'fatal', DATA_DIR: 'memory', PRESENCE_GRACE: 0 }))
  t.teardown(() => app.close())
  if (hook !== undefined) app.addHook('onRequest', hook)
  // As Node takes them when it begins to listen; the last one is in no types.
  Object.assign(app.server, {
    headersTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    connectionsCheckingInterval: CHECK_MS
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const sockets = async () =>
    await new Promise<number>((resolve, reject) => {
      app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
    })
  return { app, url, sockets }
}

/** A peer that never ends its side by itself, and keeps what it hears. */
class Peer {
  readonly socket: Socket
  heard = ''

  constructor(t: Test, url: string) {
    const { hostname, port } = new URL(url)
    this.socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true })
    this.socket.on('error', () => {})
    this.socket.on('data', (bytes) => {
      this.heard += bytes.toString('latin1')
    })
    t.teardown(() => this.socket.destroy())
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.heard)?.[1])
  }

  /** One byte a turn, for as long as it is listened to. */
  async trickle(text: string): Promise<void> {
    for (const letter of text) {
      if (!this.socket.writable) return
      this.socket.write(letter)
      await nextTurn()
    }
  }
}

const slow: Record<string, (peer: Peer) => unknown> = {
  'says nothing': () => {},
  'begins a request and goes no further': (peer) => peer.socket.write('GET /ws HTTP/1.1\r\nHost: local'),
  'sends its headers byte by byte': (peer) => void peer.trickle(`GET /ws HTTP/1.1\r\n${'a: b\r\n'.repeat(1000)}`),
  'sends a part of its body': (peer) => peer.socket.write(`${POST}Content-Length: 100\r\n\r\n{"content":`),
  'sends its body in chunks without end': (peer) =>
    peer.socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n5\r\n{"con\r\n`)
}

t.test('one that does not come to the end of its request gets 408, and nothing of it is left', async (t) => {
  const faults = processFaults(t)
  const { url, sockets } = await startNode(t)
  for (const [title, act] of Object.entries(slow)) {
    const peer = new Peer(t, url)
    act(peer)
    await until(
      () => peer.status,
      (status) => status > 0
    )
    t.equal(peer.status, 408, title)
    await until(sockets, (count) => count === 0)
  }
  t.strictSame(faults, [])
})

const broken: Record<string, [bytes: string, status: number]> = {
  'no HTTP': ['\u0016\u0003\u0001 garbage\r\n\r\n', 400],
  'a header without a name': ['GET /ws HTTP/1.1\r\n: x\r\n\r\n', 400],
  'two lengths': [`${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`, 400],
  'a length and chunks': [`${POST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  'a chunk that is longer than any': [`${POST}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n`, 400],
  'headers over 16 KB': [`GET /ws HTTP/1.1\r\na: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  '2,000 headers over 16 KB': [UPGRADE.replace('\r\n\r\n', `\r\n${'header: value\r\n'.repeat(2000)}\r\n`), 431]
}

t.test('one that keeps its side open after it was refused is left at once', async (t) => {
  const faults = processFaults(t)
  const { url, sockets } = await startNode(t, { timeoutMs: 30_000 })
  for (const [title, [bytes, status]] of Object.entries(broken)) {
    const peer = new Peer(t, url)
    peer.socket.write(bytes)
    await until(
      () => peer.status,
      (known) => known > 0
    )
    t.equal(peer.status, status, title)
    await until(sockets, (count) => count === 0)
  }
  t.strictSame(faults, [])
})

t.test('the whole of a request has half a minute', async (t) => {
  const app = createHttpServer(parseConfig({ LOG_LEVEL: 'fatal', DATA_DIR: 'memory' }))
  t.teardown(() => app.close())
  // Of the two times Node gives the longer one to the whole of it.
  t.match(app.server, { headersTimeout: 30_000, requestTimeout: 30_000, connectionsCheckingInterval: 5000 })
})

t.test('thousands of short headers are a handshake like any other', async (t) => {
  const { app, url } = await startNode(t)
  const peer = new Peer(t, url)
  peer.socket.write(UPGRADE.replace('\r\n\r\n', `\r\n${'a:\r\n'.repeat(1900)}\r\n`))
  await until(
    () => peer.status,
    (status) => status > 0
  )
  t.equal(peer.status, 101)
  await until(() => app.pool.size === 1)
})

t.test('an upgrade behind a request that is not answered yet ends the connection with its answer', async (t) => {
  const { app, url, sockets } = await startNode(t)
  const peer = new Peer(t, url)
  peer.socket.write(STATS + UPGRADE)
  await once(peer.socket, 'end')
  t.equal(peer.status, 200)
  await until(sockets, (count) => count === 0)
  t.equal(app.pool.size, 0)
})

const leavers: Record<string, (peer: Peer) => Promise<unknown>> = {
  'ends its side in the middle of its headers': async ({ socket }) => socket.end('GET /ws HTTP/1.1\r\nHost: local'),
  'ends its side with its handshake': async ({ socket }) => socket.end(UPGRADE),
  'ends its side when it was welcomed': async ({ socket }) => {
    socket.write(UPGRADE)
    await once(socket, 'data')
    socket.end()
  },
  'resets the line in the middle of its headers': async ({ socket }) => {
    await new Promise((resolve) => socket.write('GET /ws HTTP/1.1\r\nHost: local', resolve))
    socket.resetAndDestroy()
  },
  'resets the line with its handshake': async ({ socket }) => {
    await new Promise((resolve) => socket.write(UPGRADE, resolve))
    socket.resetAndDestroy()
  },
  'resets the line as soon as it is there': async ({ socket }) => {
    await once(socket, 'connect')
    socket.resetAndDestroy()
  },
  'resets the line in the middle of a frame': async ({ socket }) => {
    socket.write(UPGRADE)
    await once(socket, 'data')
    await new Promise((resolve) => socket.write(Buffer.of(0x81, 0xfe, 1), resolve))
    socket.resetAndDestroy()
  }
}

t.test('of one that goes away, at any moment, nothing is left', async (t) => {
  const faults = processFaults(t)
  const { app, url, sockets } = await startNode(t, { timeoutMs: 30_000 })
  for (const [title, leave] of Object.entries(leavers)) {
    const peers = Array.from({ length: 30 }, () => new Peer(t, url))
    await Promise.all(peers.map(leave))
    await until(sockets, (count) => count === 0)
    t.equal(app.pool.size, 0, title)
    t.equal((await request(`${url}/health/live`, { headers: { connection: 'close' } })).status, 200)
  }
  t.strictSame(faults, [])
})

const ends: Record<string, (peer: Peer) => unknown> = {
  'ends its side': ({ socket }) => socket.end(),
  'resets the line': ({ socket }) => socket.resetAndDestroy(),
  'sends garbage': ({ socket }) => socket.write('garbage'),
  'sends garbage and resets the line': ({ socket }) => socket.write('garbage', () => socket.resetAndDestroy())
}

t.test('of one that goes away while a hook of the application takes its time, nothing is left', async (t) => {
  const faults = processFaults(t)
  let [entered, release] = [0, () => {}]
  const hook = () =>
    new Promise<void>((resolve) => {
      entered++
      release = resolve
    })
  const { app, url, sockets } = await startNode(t, { timeoutMs: 30_000, hook })
  for (const [title, end] of Object.entries(ends)) {
    const peer = new Peer(t, url)
    const before = entered
    peer.socket.write(UPGRADE)
    await until(() => entered > before)
    await end(peer)
    release()
    await until(() => peer.heard !== '' || peer.socket.destroyed)
    peer.socket.destroy()
    await until(sockets, (count) => count === 0)
    t.equal(app.pool.size, 0, title)
  }
  t.strictSame(faults, [])
})
