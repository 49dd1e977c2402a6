import { once } from 'node:events'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { Ping } from '../../src/connections/ping.js'
import { SocketTransport } from '../../src/connections/socket-transport.js'

t.test('a ping for many is one frame, and its pong says its serial', async (t) => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = new WebSocket(`ws://127.0.0.1:${port}`)
  t.teardown(() => client.terminate())
  const [socket] = (await once(server, 'connection')) as [WebSocket]
  const transport = new SocketTransport(socket)
  for (const serial of [7, 123_456_789]) {
    const pong = once(socket, 'pong')
    transport.ping(new Ping(serial))
    t.equal(String((await pong)[0]), String(serial))
  }
})

t.test('nothing is pinged on a socket that is closing', async (t) => {
  const written: Buffer[] = []
  const closing = { readyState: WebSocket.CLOSING, protocol: '', extensions: '', ping: (p: Buffer) => written.push(p) }
  const socket = { write: (frame: Buffer) => written.push(frame) }
  const internals = { _socket: socket, _sender: { _state: 0 } }
  new SocketTransport({ ...closing, ...internals } as unknown as WebSocket).ping(new Ping(1))
  t.same(written, [])
})

t.test('where the inside of ws is not as it was, ws sends the ping itself', async (t) => {
  const pings: string[] = []
  const open = { readyState: WebSocket.OPEN, protocol: '', extensions: '', ping: (p: Buffer) => pings.push(String(p)) }
  new SocketTransport(open as unknown as WebSocket).ping(new Ping(12))
  t.same(pings, ['12'])
})
