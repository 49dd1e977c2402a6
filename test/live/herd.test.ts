import t from 'tap'
import { everything } from '../../src/auth/grant.js'
import { FakeTransport } from '../support/fake-transport.js'
import { startServer } from '../support/server.js'

/** More than are let go in one turn. */
const HERD = 100

t.test('the places of a herd that is cut are free at once', async (t) => {
  const { app } = await startServer(t, { MAX_CONNECTIONS: HERD })
  const herd = Array.from({ length: HERD }, (_, index) =>
    app.live.open({
      ...{ transport: new FakeTransport(), address: '', deviceId: 'd', userId: `u${index}`, ndjson: false },
      grant: everything
    })
  )
  t.throws(() => app.pool.checkRoom('', null), { code: 'overloaded' })
  for (const connection of herd) connection.onClose(1006)
  t.equal(app.pool.size, 0)
  t.doesNotThrow(() => app.pool.checkRoom('', null))
})

t.test('one of a herd that is cut is let go at once when another takes its place', async (t) => {
  const { app } = await startServer(t)
  const herd = Array.from({ length: HERD }, (_, index) =>
    app.live.open({
      ...{ transport: new FakeTransport(), address: '', deviceId: 'd', userId: `u${index}`, ndjson: false },
      grant: everything
    })
  )
  const last = app.pool.get(herd.at(-1)?.id ?? '')
  for (const connection of herd) connection.onClose(1006)
  t.match(last, { closed: true, ended: false }, 'it waits for its turn')
  last?.close(4502)
  t.equal(last?.ended, true)
})
