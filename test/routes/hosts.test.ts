import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import t from 'tap'
import { createHttpServer } from '../../src/app.js'
import { type Config, parseConfig } from '../../src/config.js'
import { request, startServer } from '../support/server.js'
import { SECRET } from '../support/tokens.js'
import { checkError, parsed, rawRequest, upgrade } from './wire.js'

const strangers = [
  'evil.example',
  'evil.example:8765',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  '127.0.0.1.nip.io',
  '192.168.0.1',
  '10.0.0.1:8765',
  '0.0.0.0',
  '[::]',
  '[::2]:80',
  'localhost@evil.example',
  'notlocalhost',
  'localhost:80:80',
  '128.0.0.1',
  'x'
]
const own = ['localhost', 'localhost:1', 'LOCALHOST', '127.0.0.1', '127.0.0.1:8765', '127.1.2.3', '[::1]', '[::1]:8765']
/** Every kind of way in. */
const paths = ['/rooms', '/rooms/lobby', '/stats', '/metrics', '/health/live', '/', '/docs', '/docs/json']
paths.push('/docs/static/index.css', '/nothing')

t.test('on loopback and without tokens', async (t) => {
  const server = await startServer(t)

  await t.test('requests that name another host are 403', async (t) => {
    for (const host of strangers) {
      for (const path of paths) {
        const answer = parsed(await rawRequest(server, path, { headers: { host } }))
        checkError(t, answer, [403, 'forbidden'], { title: `${path} of ${host}` })
      }
    }
  })

  await t.test('so are posts, and nothing of them is done', async (t) => {
    for (const path of ['/rooms/lobby/messages', '/broadcast', '/publish']) {
      const headers = { host: 'evil.example', 'content-type': 'application/json' }
      const answer = parsed(
        await rawRequest(server, path, { method: 'POST', headers, body: '{"content":1,"items":[]}' })
      )
      checkError(t, answer, [403, 'forbidden'], { title: path })
    }
    t.equal((await request(`${server.url}/rooms/lobby`)).body.epoch, null)
  })

  await t.test('so are upgrades, even where the origin agrees', async (t) => {
    for (const path of ['/ws', '/']) {
      for (const host of strangers) {
        const answer = parsed(await upgrade(server, path, { host, origin: `http://${host}` }))
        checkError(t, answer, [403, 'forbidden'], { title: `${path} of ${host}` })
      }
    }
  })

  await t.test('so is a request that names none', async (t) => {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    socket.setEncoding('utf8')
    let text = ''
    socket.on('data', (part) => {
      text += part
    })
    socket.write('GET /rooms HTTP/1.0\r\n\r\n')
    await once(socket, 'close')
    t.match(text, /^HTTP\/1\.1 403 /)
  })

  await t.test('a forwarded host is not believed', async (t) => {
    const headers = { host: 'evil.example', 'x-forwarded-host': 'localhost', forwarded: 'host=localhost' }
    t.equal((await rawRequest(server, '/rooms', { headers })).status, 403)
    t.equal((await rawRequest(server, '/rooms', { headers: { 'x-forwarded-host': 'evil.example' } })).status, 200)
  })

  await t.test('loopback names pass, with a port or without', async (t) => {
    for (const host of own) {
      for (const path of ['/rooms', '/', '/docs', '/health/live']) {
        t.equal((await rawRequest(server, path, { headers: { host } })).status, 200, `${path} of ${host}`)
      }
      t.equal((await upgrade(server, '/ws', { host, origin: `http://${host}` })).status, 101, `upgrade of ${host}`)
    }
  })
})

t.test('keys do not guard the socket: a server in open mode on loopback still asks for its names', async (t) => {
  const server = await startServer(t, { API_KEYS: 'key-of-sixteen-letters' })
  const authorization = 'Bearer key-of-sixteen-letters'
  const stranger = parsed(await rawRequest(server, '/rooms', { headers: { host: 'evil.example', authorization } }))
  checkError(t, stranger, [403, 'forbidden'])
  t.equal((await upgrade(server, '/ws', { host: 'evil.example' })).status, 403)
  t.equal((await rawRequest(server, '/rooms', { headers: { host: 'localhost', authorization } })).status, 200)
})

t.test('a server for everybody answers to any name', async (t) => {
  const settings = { HOST: '0.0.0.0', API_KEYS: 'key-of-sixteen-letters', ALLOW_ANONYMOUS: true }
  const server = await startServer(t, settings)
  const headers = { host: 'push.example.com', authorization: 'Bearer key-of-sixteen-letters' }
  t.equal((await rawRequest(server, '/rooms', { headers })).status, 200)
  t.equal((await upgrade(server, '/ws', { host: 'push.example.com' })).status, 101)
})

t.test('where users need tokens and backends keys a server answers to any name, on loopback too', async (t) => {
  const settings = { JWT_SECRET: SECRET, API_KEYS: 'key-of-sixteen-letters' }
  for (const HOST of ['127.0.0.1', '0.0.0.0']) {
    const server = await startServer(t, { HOST, ...settings })
    const headers = { host: 'push.example.com', authorization: 'Bearer key-of-sixteen-letters' }
    t.equal((await rawRequest(server, '/rooms', { headers })).status, 200, HOST)
    t.equal((await upgrade(server, '/ws', { host: 'push.example.com' })).status, 101, HOST)
  }
})

t.test('tokens do not guard the routes of backends: without keys a server asks for its names', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET })
  const stranger = parsed(await rawRequest(server, '/rooms', { headers: { host: 'evil.example' } }))
  checkError(t, stranger, [403, 'forbidden'])
  t.equal((await upgrade(server, '/ws', { host: 'evil.example' })).status, 403)
})

t.test('what an application listens on beyond loopback needs keys, whatever users need', async (t) => {
  const app = createHttpServer(parseConfig({ LOG_LEVEL: 'error', DATA_DIR: 'memory', JWT_SECRET: SECRET }))
  t.teardown(() => app.close())
  await app.listen({ host: '0.0.0.0', port: 0 })
  const { port } = app.server.address() as AddressInfo
  t.match(await request(`http://127.0.0.1:${port}/rooms`), { status: 403, body: { message: /API_KEYS/ } })
})

t.test('ALLOW_ANONYMOUS lets nobody in without a token where users need one', async (t) => {
  const server = await startServer(t, { JWT_SECRET: SECRET, ALLOW_ANONYMOUS: true })
  const client = await server.connect('/ws?user_id=alice')
  t.match(await client.ask({ type: 'join_room', room: 'r' }), { code: 'unauthenticated' })
})

t.test('a stranger is refused before the fault of a request that comes to no route', async (t) => {
  const server = await startServer(t)
  const answer = await rawRequest(server, '/rooms/%zz', { headers: { host: 'evil.example' } })
  checkError(t, parsed(answer), [403, 'forbidden'])
})

t.test('an application that is reachable from elsewhere serves nobody while it lacks keys or tokens', async (t) => {
  const keys = { API_KEYS: 'key-of-the-backend' }
  const table: Array<[settings: Partial<Config>, addresses: string[], status: number]> = [
    [{}, ['127.0.0.1', '::1'], 200],
    [{}, ['127.0.0.1', '192.0.2.1'], 403],
    [{ ALLOW_ANONYMOUS: true }, ['192.0.2.1'], 403],
    [{ JWT_SECRET: 'x'.repeat(32) }, ['192.0.2.1'], 403],
    [keys, ['192.0.2.1'], 403],
    [{ ...keys, ALLOW_ANONYMOUS: true }, ['192.0.2.1'], 200],
    [{ ...keys, JWT_SECRET: 'x'.repeat(32) }, ['192.0.2.1'], 200]
  ]
  for (const [settings, addresses, status] of table) {
    const app = createHttpServer(parseConfig({ LOG_LEVEL: 'silent', DATA_DIR: 'memory', PORT: 0, ...settings }))
    t.teardown(() => app.close())
    app.addresses = () => addresses.map((address) => ({ address, family: 'IPv4', port: 1 }))
    const { statusCode } = await app.inject({ url: '/online', headers: { authorization: 'Bearer key-of-the-backend' } })
    t.equal(statusCode, status, `${Object.keys(settings)} on ${addresses}`)
  }
})
