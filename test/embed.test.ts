import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { createRestaurant } from '../examples/embed.js'
import { LiveClient } from './support/live-client.js'
import { request } from './support/server.js'

interface Restaurant {
  readonly app: FastifyInstance
  readonly url: string
  /** Opens a connection and waits for its welcome. */
  connect(path?: string): Promise<LiveClient>
}

/** The example on a free port; closed with the test. */
async function open(t: Test, ...settings: Parameters<typeof createRestaurant>): Promise<Restaurant> {
  const app = await createRestaurant(...settings)
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return {
    app,
    url: `http://127.0.0.1:${port}`,
    connect: async (path = '/push/ws') => {
      const client = new LiveClient(`ws://127.0.0.1:${port}${path}`)
      t.teardown(() => client.terminate())
      await client.next((message) => message.action === 'connected')
      return client
    }
  }
}

t.test('the application can reach every part of the server', async (t) => {
  const { app } = await open(t, { MAX_CONNECTIONS: 7 })
  for (const name of [
    'config',
    'store',
    'messageBus',
    'messageQueue',
    'rooms',
    'users',
    'pool',
    'stats',
    'metricsRegistry'
  ]) {
    t.ok(app.hasDecorator(name), name)
  }
  t.equal(app.config.MAX_CONNECTIONS, 7)
  t.match(app.stats.now(), { connection_count: 0, room_count: 0 })
})

t.test('clients hear what the application publishes, live and in the history', async (t) => {
  const { url, connect } = await open(t)
  const cook = await connect()
  await cook.ask({ type: 'join_room', room: 'kitchen', user_id: 'cook' })
  const taken = await request(`${url}/orders`, { method: 'POST', body: { dish: 'soup' } })
  t.match(taken, { status: 201, body: { number: 1, dish: 'soup' } })
  const heard = await cook.next((message) => message.type === 'chat_message')
  t.match(heard, { room: 'kitchen', content: { dish: 'soup' }, user_id: null, offset: 1 })
  const history = await request(`${url}/push/rooms/kitchen/history`)
  t.match(history, { status: 200, body: { offset: 1, messages: [heard] } })
})

t.test('everything of the server lies below the prefix', async (t) => {
  const { url, connect } = await open(t)
  await connect('/push/')
  for (const path of [
    '/push/',
    '/push/health/live',
    '/push/health/ready',
    '/push/rooms',
    '/push/stats',
    '/push/metrics'
  ]) {
    t.equal((await request(`${url}${path}`).catch(() => ({ status: 200 }))).status, 200, path)
  }
  for (const path of ['/', '/ws', '/health/live', '/rooms', '/stats', '/metrics']) {
    t.equal((await request(`${url}${path}`)).status, 404, path)
  }
})

t.test('the documentation lies below the prefix too', async (t) => {
  const { url } = await open(t)
  const document = await request(`${url}/push/docs/json`)
  t.equal(document.status, 200)
  t.ok(document.body.paths?.['/push/rooms/{room}'], 'the paths are those that can be called')
  t.notOk(document.body.paths?.['/orders'], "the application's own routes are its own business")
})

t.test('routes and errors of the application stay its own', async (t) => {
  const { url } = await open(t)
  const bad = await request(`${url}/orders`, { method: 'POST', body: { dish: '' } })
  t.match(bad, { status: 400, body: { code: 'FST_ERR_VALIDATION', error: 'Bad Request' } })
  const unknown = await request(`${url}/nowhere`)
  t.match(unknown, { status: 404, body: { error: 'Not Found', message: 'Route GET:/nowhere not found' } })
  // Text is JSON's only rival in Fastify: the server refuses it, the application may take it.
  const text = { method: 'POST', body: '"soup"', headers: { 'content-type': 'text/plain' } }
  t.match(await request(`${url}/orders`, text), { status: 400, body: { code: 'FST_ERR_VALIDATION' } })
  t.match(await request(`${url}/push/rooms/kitchen/messages`, text), {
    status: 415,
    body: { code: 'unsupported_media_type' }
  })
  t.match(await request(`${url}/push/rooms/kitchen/messages`, { method: 'POST', body: {} }), {
    status: 400,
    body: { code: 'invalid_message' }
  })
})

t.test('ids of the longest kind fit into a path', async (t) => {
  const { url } = await open(t)
  const room = '%C3%A9'.repeat(64)
  const state = await request(`${url}/push/rooms/${room}`)
  t.match(state, { status: 200, body: { room: 'é'.repeat(64), offset: 0 } })
})

t.test('two servers in one process do not disturb each other', async (t) => {
  const [one, other] = [await open(t), await open(t)]
  const client = await one.connect()
  await client.ask({ type: 'join_room', room: 'kitchen', user_id: 'cook' })
  await request(`${one.url}/orders`, { method: 'POST', body: { dish: 'soup' } })
  const of = async ({ url }: Restaurant) => await (await fetch(`${url}/push/metrics`)).text()
  t.match(await of(one), /^roomcast_connections 1\n(.*\n)*roomcast_messages_total 1$/m)
  t.match(await of(other), /^roomcast_connections 0\n(.*\n)*roomcast_messages_total 0$/m)
  t.equal(await other.app.rooms.top('kitchen'), undefined)

  await one.app.close()
  t.equal((await request(`${other.url}/push/rooms/kitchen`)).status, 200)
  t.match(await of(other), /^roomcast_messages_total 0$/m)
})

t.test('the end of the application tells every client to come back', async (t) => {
  const { app, connect } = await open(t)
  const clients = [await connect(), await connect()]
  const closed = Promise.all(clients.map(({ socket }) => once(socket, 'close')))
  await app.close()
  for (const [code] of await closed) t.equal(code, 1012)
})
