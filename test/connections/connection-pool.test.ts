import t from 'tap'
import { ConnectionPool } from '../../src/connections/connection-pool.js'
import { fakeConnection } from '../support/fake-transport.js'

const unlimited = { connectionsMax: 1000, perAddressMax: 0, perUserMax: 0 }

t.test('a connection is found by its id and its user until it is removed, from every index', async (t) => {
  const pool = new ConnectionPool(unlimited)
  const [first, second] = [fakeConnection().connection, fakeConnection().connection]
  for (const connection of [first, second]) {
    pool.add(connection)
    pool.identify(connection, 'alice')
  }
  t.equal(pool.get(first.id), first)
  t.strictSame([...pool.ofUser('alice')], [first, second])
  t.equal(pool.userCount, 1)
  pool.remove(first)
  pool.remove(first)
  t.equal(pool.get(first.id), undefined)
  t.strictSame([...pool.ofUser('alice')], [second])
  pool.remove(second)
  t.strictSame([pool.size, pool.userCount, [...pool.ofUser('alice')]], [0, 0, []])
})

t.test('at the limits of node, address and user the next one is refused with the reason and a time', async (t) => {
  const full = new ConnectionPool({ ...unlimited, connectionsMax: 1 })
  full.add(fakeConnection().connection)
  t.throws(() => full.checkRoom('1.2.3.4', null), { code: 'overloaded', statusCode: 503, retryAfterMs: 5000 })

  const perAddress = new ConnectionPool({ ...unlimited, perAddressMax: 1 })
  const { connection } = fakeConnection()
  perAddress.add(connection)
  t.throws(() => perAddress.checkRoom(connection.address, null), { code: 'too_many_connections', statusCode: 429 })
  t.doesNotThrow(() => perAddress.checkRoom('1.2.3.4', null))
  perAddress.remove(connection)
  t.doesNotThrow(() => perAddress.checkRoom(connection.address, null))

  const perUser = new ConnectionPool({ ...unlimited, perUserMax: 1 })
  perUser.add(connection)
  perUser.identify(connection, 'alice')
  t.throws(() => perUser.checkRoom('1.2.3.4', 'alice'), { code: 'too_many_connections', statusCode: 429 })
  t.doesNotThrow(() => perUser.checkRoom('1.2.3.4', 'bob'))
})

t.test('a broadcast reaches all but those left out, those that lag and those that are closed', async (t) => {
  const pool = new ConnectionPool(unlimited)
  const members = Array.from({ length: 4 }, () => fakeConnection({ slowConsumerBytes: 10 }))
  for (const { connection } of members) pool.add(connection)
  const [heard, excluded, lagging, closed] = members as [
    (typeof members)[0],
    (typeof members)[0],
    (typeof members)[0],
    (typeof members)[0]
  ]
  lagging.transport.bufferedBytes = 1000
  closed.connection.close(1012)
  t.equal(pool.broadcast(Buffer.from('hello'), new Set([excluded.connection.id])), 1)
  for (const { connection } of members) connection.outbox.endTurn()
  t.strictSame(heard.transport.payloads, ['hello'])
  for (const { transport } of [excluded, lagging, closed]) t.strictSame(transport.payloads, [])
})
