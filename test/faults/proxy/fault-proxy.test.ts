import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { startRedis } from '../../support/redis-server.js'
import { until } from '../../support/until.js'
import { Random } from '../support/random.js'
import { FaultProxy } from './fault-proxy.js'
import { blackHole } from './manner.js'
import { isPubSubMessage } from './resp-frames.js'

/** What one end of a connection has seen. */
interface Seen {
  readonly socket: Socket
  readonly pieces: Buffer[]
  text(): string
  /** How it ended; undefined while it has not. */
  end: 'FIN' | 'RST' | undefined
}

function watch(socket: Socket): Seen {
  const pieces: Buffer[] = []
  const seen: Seen = { socket, pieces, text: () => Buffer.concat(pieces).toString(), end: undefined }
  socket.on('data', (bytes) => pieces.push(bytes))
  socket.on('end', () => {
    seen.end ??= 'FIN'
  })
  socket.on('error', () => {
    seen.end ??= 'RST'
  })
  return seen
}

/** A server that only listens, with a proxy before it. */
async function throughProxy(t: Test) {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const served: Seen[] = []
  server.on('connection', (socket) => served.push(watch(socket)))
  t.teardown(() => {
    for (const { socket } of served) socket.destroy()
    server.close()
  })
  const proxy = await FaultProxy.start(t, (server.address() as AddressInfo).port, new Random(1))
  const open = async () => {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
    t.teardown(() => socket.destroy())
    const count = served.length
    await once(socket, 'connect')
    await until(() => served.length > count)
    return { client: watch(socket), server: served.at(-1) as Seen }
  }
  return { proxy, open }
}

t.test('it passes on both ways, and the end', async (t) => {
  const { open, proxy } = await throughProxy(t)
  const { client, server } = await open()
  client.socket.end('up')
  await until(() => server.text() === 'up' && server.end === 'FIN')
  server.socket.end('down')
  await until(() => client.text() === 'down' && client.end === 'FIN')
  await until(() => proxy.links.length === 0)
})

t.test('a reset is passed on as one', async (t) => {
  const { open } = await throughProxy(t)
  const { client, server } = await open()
  client.socket.resetAndDestroy()
  await until(() => server.end === 'RST')
})

t.test('a black hole keeps the connection, and what it held follows in order', async (t) => {
  const { open, proxy } = await throughProxy(t)
  const { client, server } = await open()
  proxy.behave(blackHole)
  client.socket.write('a')
  client.socket.write('b')
  const other = await open()
  other.client.socket.end('c')
  await until(() => client.socket.bytesWritten === 2 && other.client.socket.bytesWritten === 1)
  t.equal(server.text() + other.server.text(), '')
  proxy.pass()
  await until(() => server.text() === 'ab' && other.server.text() === 'c' && other.server.end === 'FIN')
})

t.test('one direction alone is held', async (t) => {
  const { open, proxy } = await throughProxy(t)
  const { client, server } = await open()
  proxy.behave({ down: { hold: true } })
  server.socket.write('down')
  client.socket.write('up')
  await until(() => server.text() === 'up')
  t.equal(client.text(), '')
  proxy.pass()
  await until(() => client.text() === 'down')
})

t.test('a delay holds the bytes back, and jitter keeps their order', async (t) => {
  const { open, proxy } = await throughProxy(t)
  const { client, server } = await open()
  proxy.behave({ up: { delayMs: 100, jitterMs: 50 } })
  const begun = performance.now()
  for (const letter of 'abcdefgh') client.socket.write(letter)
  await until(() => server.text().length === 8)
  t.equal(server.text(), 'abcdefgh')
  t.ok(performance.now() - begun >= 100)
})

t.test('bytes come in slices', async (t) => {
  const { open, proxy } = await throughProxy(t)
  const { client, server } = await open()
  proxy.behave({ up: { sliceBytes: 1 } })
  client.socket.write('x'.repeat(500))
  await until(() => server.text().length === 500)
  t.ok(server.pieces.length > 50, `${server.pieces.length} pieces`)
})

t.test('a bandwidth is not exceeded', async (t) => {
  const { open, proxy } = await throughProxy(t)
  const { client, server } = await open()
  proxy.behave({ up: { bytesPerSecond: 10_000 } })
  const begun = performance.now()
  client.socket.write('x'.repeat(4000))
  await until(() => server.text().length === 4000)
  t.ok(performance.now() - begun >= 350)
})

t.test('after so many bytes both ends are reset', async (t) => {
  const { open, proxy } = await throughProxy(t)
  const { client, server } = await open()
  proxy.behave({ up: { cutAfterBytes: 3 } })
  client.socket.write('abcdef')
  // Bytes and a reset that come together look like an ordinary end to who reads them.
  await until(() => client.end === 'RST' && server.end !== undefined)
  t.equal(server.text(), 'abc')
})

t.test('all are ended by FIN or by RST, one alone as well, and none is let in', async (t) => {
  const { open, proxy } = await throughProxy(t)
  const [first, second, third] = [await open(), await open(), await open()]
  first.client.socket.write('I am first')
  await until(() => proxy.linksOf('first').length === 1)
  proxy.linksOf('first')[0]?.reset()
  await until(() => first.client.end === 'RST' && first.server.end === 'RST')
  t.equal(proxy.links.length, 2)
  proxy.finish()
  await until(() => second.client.end === 'FIN' && third.server.end === 'FIN')
  const fourth = await open()
  proxy.reset()
  await until(() => fourth.client.end === 'RST')
  proxy.refusing = true
  const refused = watch(connect({ port: proxy.port, host: '127.0.0.1' }))
  await until(() => refused.end === 'RST')
})

t.test('a request is carried out and its reply lost', async (t) => {
  const { open, proxy } = await throughProxy(t)
  const { client, server } = await open()
  server.socket.on('data', () => server.socket.write('done'))
  client.socket.write('first')
  await until(() => client.text() === 'done')
  const lost = proxy.loseReplyTo((request) => request.includes('second'))
  client.socket.write('sec')
  await until(() => client.text() === 'donedone')
  client.socket.write('ond')
  await lost
  await until(() => client.end === 'RST' && server.end === 'FIN')
  t.equal(server.text(), 'firstsecond')
  t.equal(client.text(), 'donedone')
})

for (const protocol of [2, 3] as const) {
  t.test(`a subscription goes deaf while its connection answers (RESP${protocol})`, async (t) => {
    const target = await startRedis(t)
    const proxy = await FaultProxy.start(t, target.port)
    const options = { host: '127.0.0.1', connectionName: 'ear', protocol }
    const [ear, mouth] = [new Redis({ ...options, port: proxy.port }), new Redis(target.port, '127.0.0.1')]
    t.teardown(() => [ear, mouth].map((redis) => redis.disconnect()))
    const heard: string[] = []
    ear.on('message', (_channel, text) => heard.push(text))
    await ear.subscribe('c')
    await mouth.publish('c', 'before')
    await until(() => heard.length === 1)
    proxy.linksOf('ear')[0]?.behave({ down: { swallow: isPubSubMessage } })
    await mouth.publish('c', 'lost')
    // Answered in order: what was published before is behind us.
    await ear.ping()
    proxy.pass()
    await mouth.publish('c', 'after')
    await until(() => heard.length === 2)
    t.strictSame(heard, ['before', 'after'])
  })
}
