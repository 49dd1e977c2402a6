import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { startServer, type TestServer } from '../support/server.js'

const DEADLINE_MS = 5000

function openSockets({ app }: TestServer): Promise<number> {
  return new Promise((resolve, reject) => {
    app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
  })
}

/** Asks for an upgrade, reads the beginning of the answer and goes away. */
async function knock(server: TestServer, path: string, host: string): Promise<string> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  )
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return answer.toString().split('\r\n')[0] ?? ''
}

t.test('a refused upgrade leaves no socket behind once its client is gone', async (t) => {
  const server = await startServer(t)
  const refused: Array<[path: string, host: string]> = [
    ['/nothing', 'localhost'],
    ['/rooms', 'localhost'],
    ['/ws', 'evil.example'],
    ['/ws?user_id=..', 'localhost'],
    [`/rooms/${'x'.repeat(5000)}`, 'localhost'],
    ['/rooms/%zz', 'localhost'],
    ['/ws%', 'localhost'],
    ['/docs/%ff', 'localhost']
  ]
  for (const [path, host] of refused) {
    const before = await openSockets(server)
    const answers = await Promise.all(Array.from({ length: 10 }, () => knock(server, path, host)))
    t.match(answers[0], /^HTTP\/1\.1 4\d\d /)
    const deadline = Date.now() + DEADLINE_MS
    while ((await openSockets(server)) > before && Date.now() < deadline) await setTimeout(10)
    t.equal(await openSockets(server), before, `${path.slice(0, 20)} of ${host}`)
  }
})

t.test('a name that is no text is refused, in percent code as anywhere else', async (t) => {
  const server = await startServer(t)
  for (const name of ['%ED%A0%80', '%', '%ff', 'a%zz', '%C3']) {
    t.match(await knock(server, `/ws?user_id=${name}`, 'localhost'), / 400 /, name)
    t.match(await knock(server, `/ws?device_id=${name}`, 'localhost'), / 400 /, name)
  }
  t.match(await knock(server, '/ws?user_id=%E8%81%8A%25', 'localhost'), / 101 /)
})
