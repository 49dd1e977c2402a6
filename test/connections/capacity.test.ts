import t from 'tap'
import { WebSocket } from 'ws'
import { startServer } from '../support/server.js'

t.test('of many that come at once only as many come in as there is room for', async (t) => {
  const server = await startServer(t, { MAX_CONNECTIONS: 10 })
  const outcomes = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/ws`)
      t.teardown(() => socket.terminate())
      return await new Promise<number>((resolve) => {
        socket.once('open', () => resolve(101))
        socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
        socket.once('error', () => {})
      })
    })
  )
  t.equal(outcomes.filter((status) => status === 101).length, 10)
  t.equal(outcomes.filter((status) => status === 503).length, 20)
  t.equal(server.app.pool.size, 10)
})
