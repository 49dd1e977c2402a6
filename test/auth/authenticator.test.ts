import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Authenticator, type AuthenticatorOptions } from '../../src/auth/authenticator.js'
import { Capabilities } from '../../src/auth/capabilities.js'
import { everything, TokenGrant } from '../../src/auth/grant.js'
import { Deadline } from '../../src/deadline.js'
import { RoomcastError } from '../../src/errors.js'
import { fakeConnection } from '../support/fake-transport.js'
import { ManualClock } from '../support/manual-clock.js'

const capabilities = new Capabilities({})

/** An authenticator whose only token is of alice for ten minutes, and whose users are full while `full` says so. */
function setUp(takesTokens = true) {
  const clock = new ManualClock()
  const state = { full: true, revoked: false }
  const grant = new TokenGrant({ userId: 'alice', expiresAt: clock.now() + 600_000, capabilities })
  const users = {
    identify: (connection: { userId: string | null }, userId: string) => {
      if (state.full) throw new RoomcastError('too_many_connections')
      connection.userId = userId
    }
  }
  const rooms = { roomsOf: () => [], dismiss: async () => {}, access: { forbiddenOf: async () => [] } }
  Object.assign(users, { checkRoom: async () => {} })
  const options = {
    verifier: takesTokens ? { verify: async () => grant } : undefined,
    clock,
    users,
    revocations: { isRevoked: () => state.revoked },
    rooms,
    sessions: { regranted: () => {} }
  }
  const authenticator = new Authenticator(options as unknown as AuthenticatorOptions)
  return { clock, state, grant, rooms, authenticator, ...fakeConnection() }
}

t.test('a connection whose user has no place any more may do nothing, and is waited for', async (t) => {
  const { clock, authenticator, connection, transport, grant } = setUp()
  connection.grant = grant
  t.throws(() => authenticator.admit(connection, 'alice'), { code: 'too_many_connections' })
  t.equal(connection.grant, undefined)
  clock.advance(10_000)
  await setImmediate()
  t.equal(transport.closedWith, 4001)
})

t.test('one that finds a place later is in', async (t) => {
  const { clock, state, authenticator, connection, transport, grant } = setUp()
  connection.grant = grant
  t.throws(() => authenticator.admit(connection, 'alice'))
  await t.rejects(authenticator.authenticate(connection, 'token', new Deadline()), { code: 'too_many_connections' })
  t.equal(connection.grant, undefined)
  state.full = false
  t.match(await authenticator.authenticate(connection, 'token', new Deadline()), { user_id: 'alice' })
  t.equal(connection.grant, grant)
  clock.advance(60_000)
  await setImmediate()
  t.equal(transport.closedWith, undefined)
})

t.test('in open mode it stays, as somebody else', async (t) => {
  const { clock, authenticator, connection, transport } = setUp(false)
  t.throws(() => authenticator.admit(connection, 'alice'), { code: 'too_many_connections' })
  t.equal(connection.grant, everything)
  clock.advance(60_000)
  await setImmediate()
  t.equal(transport.closedWith, undefined)
})

t.test('a token that was verified too late changes nothing', async (t) => {
  const { state, authenticator, connection } = setUp()
  state.full = false
  connection.grant = undefined
  authenticator.admit(connection, null)
  const deadline = new Deadline()
  deadline.expire()
  await t.rejects(authenticator.authenticate(connection, 'token', deadline), { code: 'store_unavailable' })
  t.equal(connection.grant, undefined)
  t.equal(connection.userId, null)
  connection.detach()
  await t.rejects(authenticator.authenticate(connection, 'token', new Deadline()), { code: 'unauthenticated' })
  t.equal(connection.userId, null, 'nobody is filed for a connection that is gone')
})

t.test('a token that is revoked between the handshake and the welcome lets nobody in', async (t) => {
  const { state, authenticator, connection, transport, grant } = setUp()
  Object.assign(state, { full: false, revoked: true })
  connection.grant = grant
  authenticator.admit(connection, 'alice')
  t.equal(transport.closedWith, 4501)
  t.equal(connection.userId, null)
})

t.test('one that is revoked while the families are asked grants nothing', async (t) => {
  const { state, authenticator, connection, rooms } = setUp()
  state.full = false
  authenticator.admit(connection, null)
  rooms.access.forbiddenOf = async () => {
    state.revoked = true
    return []
  }
  await t.rejects(authenticator.authenticate(connection, 'token', new Deadline()), { code: 'unauthenticated' })
  t.equal(connection.userId, null)
})

t.test('a token that came in a message ends the connection, too', async (t) => {
  const { clock, state, authenticator, connection, transport } = setUp()
  state.full = false
  connection.grant = undefined
  authenticator.admit(connection, null)
  await authenticator.authenticate(connection, 'token', new Deadline())
  clock.advance(599_000)
  await setImmediate()
  t.match(transport.payloads, [/token_expiring/])
  t.equal(transport.closedWith, undefined)
  clock.advance(1000)
  await setImmediate()
  t.equal(transport.closedWith, 4001)
})

t.test('nothing is waited for of connections that are gone', async (t) => {
  const { clock, state, authenticator, connection, transport, grant } = setUp()
  const silent = fakeConnection()
  state.full = false
  connection.grant = grant
  authenticator.admit(connection, 'alice')
  silent.connection.grant = undefined
  authenticator.admit(silent.connection, null)
  for (const gone of [connection, silent.connection]) authenticator.forget(gone)
  clock.advance(10_000)
  await setImmediate()
  clock.advance(700_000)
  t.strictSame([transport.payloads, transport.closedWith], [[], undefined], 'for a token')
  t.equal(silent.transport.closedWith, undefined, 'without one')
})
