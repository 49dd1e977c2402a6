import t from 'tap'
import type { Connection } from '../../src/connections/connection.js'
import { Limiter } from '../../src/connections/limiter.js'
import { fakeConnection } from '../support/fake-transport.js'
import { ManualClock } from '../support/manual-clock.js'

const rates = { messages: 10, messageBurst: 20, bytes: 100, deliveries: 2 }

/** A limiter on which no time passes, and connections that have no limit of their own. */
function setUp() {
  const clock = new ManualClock()
  const limiter = new Limiter({ rates, userFactor: 1, addressFactor: 1, tellsUsers: true, clock })
  const connect = (userId: string, address: string): Connection => {
    const { connection } = fakeConnection()
    Object.assign(connection, { address })
    limiter.onAdded(connection)
    limiter.onIdentified(connection, userId)
    return connection
  }
  return { clock, limiter, connect }
}

t.test('what a publish comes to is paid by its user and its address, too', async (t) => {
  const { limiter, connect } = setUp()
  limiter.takeDeliveries(connect('alice', '192.0.2.1'), 4)
  const limited = { code: 'rate_limited', retryAfterMs: 1 }
  t.throws(() => limiter.takeDeliveries(connect('alice', '192.0.2.2'), 1), limited)
  t.equal(limiter.refusals.limits.user_deliveries, 1)
  t.throws(() => limiter.takeDeliveries(connect('bob', '192.0.2.1'), 1), limited)
  t.equal(limiter.refusals.limits.address_deliveries, 1)
  t.doesNotThrow(() => limiter.takeDeliveries(connect('bob', '192.0.2.2'), 1))
})

t.test('the bytes of a message are paid by its user and its address, too', async (t) => {
  const { limiter, connect } = setUp()
  t.equal(limiter.take(connect('alice', '192.0.2.1'), 0, 250), 0)
  t.ok(limiter.take(connect('alice', '192.0.2.2'), 0, 1) > 0)
  t.equal(limiter.refusals.limits.user_bytes, 1)
  t.ok(limiter.take(connect('bob', '192.0.2.1'), 0, 1) > 0)
  t.equal(limiter.refusals.limits.address_bytes, 1)
  t.equal(limiter.take(connect('bob', '192.0.2.2'), 0, 1), 0)
})

t.test('whoever has no connection any more is held by none', async (t) => {
  const { limiter, connect } = setUp()
  const [one, two] = [connect('alice', '192.0.2.1'), connect('alice', '192.0.2.1')]
  const { userAllowance, addressAllowance } = one
  t.strictSame([userAllowance?.connections, addressAllowance?.connections], [2, 2])
  for (const connection of [one, two]) limiter.onRemoved(connection)
  t.strictSame([userAllowance?.connections, addressAllowance?.connections], [0, 0])
})

t.test('what a user did on another node is taken from all that it may do here', async (t) => {
  for (const resource of ['messages', 'bytes', 'deliveries'] as const) {
    const { limiter, connect } = setUp()
    limiter.chargeUser('alice', { messages: 0, bytes: 0, deliveries: 0, [resource]: 1000 })
    const alice = connect('alice', '192.0.2.1')
    if (resource === 'deliveries') t.throws(() => limiter.takeDeliveries(alice, 1), { code: 'rate_limited' })
    else t.ok(limiter.take(alice, 0, 1) > 0, resource)
    t.strictSame(limiter.users?.drainUsage(), [], 'and is not told again')
  }
})

t.test('what costs more than a message does is paced by its operation', async (t) => {
  for (const [operation, types, atOnce] of [
    ['authenticate', ['authenticate'], 10],
    ['join', ['join_room', 'resume'], 20],
    ['read', ['read_history', 'list_members'], 20]
  ] as const) {
    const { limiter, connect } = setUp()
    const alice = connect('alice', '192.0.2.1')
    for (let n = 0; n < atOnce; n++) t.equal(limiter.takeOperation(alice, 0, types[n % types.length] ?? types[0]), 0)
    for (const type of types) t.ok(limiter.takeOperation(alice, 0, type) > 0, type)
    t.equal(limiter.refusals.limits[`connection_${operation}`], types.length)
    t.equal(limiter.takeOperation(alice, 0, 'heartbeat'), 0)
  }
})

t.test('a handshake costs no more than may come at once', async (t) => {
  const limits = { userFactor: 1, addressFactor: 1, tellsUsers: false, clock: new ManualClock() }
  const limiter = new Limiter({ rates: { ...rates, messageBurst: 2 }, ...limits })
  limiter.takeUser('alice')
  t.throws(() => limiter.takeUser('alice'), { code: 'rate_limited', retryAfterMs: 100 })
  limiter.takeAddress('192.0.2.1')
  t.throws(() => limiter.takeAddress('192.0.2.1'), { code: 'rate_limited', retryAfterMs: 100 })
})

t.test('who lifts the limit of messages lifts them all', async (t) => {
  const limits = { userFactor: 1, addressFactor: 1, tellsUsers: false, clock: new ManualClock() }
  const limiter = new Limiter({ rates: { ...rates, messages: 0 }, ...limits })
  t.match(limiter.rates, { messages: 0, bytes: 0, deliveries: 0 })
  t.equal(limiter.users, undefined)
  t.notOk(limiter.countsAddresses)
})
