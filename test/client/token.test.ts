import t, { type Test } from 'tap'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer } from '../support/server.js'
import { SECRET, seconds, signToken } from '../support/tokens.js'
import { until } from '../support/until.js'
import { contentsOf, listen, stateOf } from './listener.js'

const NOW = Date.UTC(2026, 0, 1)

/** A server whose time is moved by hand, and who makes tokens of a minute for it. */
async function setUp(t: Test) {
  const clock = new ManualClock(NOW)
  const settings = { JWT_SECRET: SECRET, HEARTBEAT_TIMEOUT: 1_000_000, PRESENCE_GRACE: 10 }
  const server = await startServer(t, settings, { clock })
  const issuer = { issued: 0, isAway: false }
  const token = async () => {
    issuer.issued++
    if (issuer.isAway) throw new Error('away')
    return await signToken({ sub: 'alice', exp: seconds(clock.now()) + 60 })
  }
  const post = (content: unknown) => request(`${server.url}/rooms/r/messages`, { method: 'POST', body: { content } })
  return { clock, server, issuer, token, post }
}

t.test('a client with a function for its token renews it without a break, for as long as it likes', async (t) => {
  const { clock, server, issuer, token, post } = await setUp(t)
  const alice = await listen(t, { url: server.url, token })
  await alice.client.join('r')
  const states: string[] = []
  alice.client.on('state', ({ state }) => void states.push(state))
  const renewed = () => alice.client.history('r')
  for (let round = 1; round <= 5; round++) {
    clock.advance(30_000)
    await until(() => issuer.issued === round + 1)
    await renewed()
    await post(round)
  }
  await until(() => alice.messages.length === 5)
  t.strictSame(contentsOf(alice), [1, 2, 3, 4, 5])
  t.strictSame(states, [])
})

t.test('where the token could not be renewed, it comes back with the next one, and has missed nothing', async (t) => {
  const { clock, server, issuer, token, post } = await setUp(t)
  const alice = await listen(t, { url: server.url, token })
  await alice.client.join('r')
  const errors: string[] = []
  alice.client.on('error', ({ code }) => void errors.push(code))
  issuer.isAway = true
  clock.advance(30_000)
  await until(() => errors.length === 1)
  t.strictSame(errors, ['no_token'])
  const waiting = stateOf(alice, 'waiting')
  const ends: unknown[] = []
  alice.client.on('state', ({ end }) => void (end && ends.push(end.code)))
  clock.advance(30_000)
  await waiting
  t.equal(ends[0], 4001)
  await post('meanwhile')
  const connected = stateOf(alice, 'connected')
  issuer.isAway = false
  alice.client.retryNow()
  await connected
  await until(() => alice.messages.length === 1)
  t.strictSame(contentsOf(alice), ['meanwhile'])
  t.strictSame(alice.losses, [])
})

t.test('a token that is a text ends the client when it is refused, and says why', async (t) => {
  const { clock, server } = await setUp(t)
  const token = await signToken({ sub: 'alice', exp: seconds(NOW) + 60 })
  const alice = await listen(t, { url: server.url, token })
  const closed = stateOf(alice, 'closed')
  const errors: string[] = []
  alice.client.on('error', ({ code }) => void errors.push(code))
  clock.advance(60_000)
  await closed
  t.strictSame(errors, ['unauthenticated'])
})

t.test('a room that a fresh token no longer grants is told as removed', async (t) => {
  const { clock, server } = await setUp(t)
  let roomcast: Record<string, string[]> = { 'room:*': ['*'] }
  const token = () => signToken({ sub: 'alice', exp: seconds(clock.now()) + 60, roomcast })
  const { client } = await listen(t, { url: server.url, token })
  await Promise.all([client.join('news'), client.join('chat')])
  const removed: unknown[] = []
  client.on('removed', ({ room, reason }) => void removed.push([room, reason]))
  roomcast = { 'room:news': ['*'] }
  clock.advance(30_000)
  await until(() => removed.length === 1)
  t.strictSame(removed, [['chat', 'rights']])
  t.strictSame(client.rooms, ['news'])
  await t.rejects(client.publish('chat', 1), { code: 'forbidden' })
})
