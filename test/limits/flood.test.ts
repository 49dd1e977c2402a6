import t from 'tap'
import { Bystander } from '../hostile/bystander.js'
import { frame, handshake, openRaw } from '../live/raw-socket.js'
import { ManualClock } from '../support/manual-clock.js'
import { startServer } from '../support/server.js'
import { until } from '../support/until.js'

const BURST = 200
const REFUSALS_MAX = 1000
const SLICE = 16

// The flood in the full, with times, is `npm run test:flood`: here no time passes, and what is counted is work.
t.test('one who floods and comes back again and again gets no further than an address may', async (t) => {
  const clock = new ManualClock()
  const settings = { RATE_LIMIT_IP_FACTOR: 3, TRUST_PROXY: '127.0.0.1' }
  const server = await startServer(t, settings, { clock })
  const bystander = await Bystander.of(server)
  const headers = { 'x-forwarded-for': '192.0.2.1' }
  const flood = Buffer.concat(Array.from({ length: 5000 }, () => frame('{"type":"heartbeat"}')))
  let connections = 0
  for (; (await handshake(t, server.url, { headers })).status === 101; connections++) {
    const client = await openRaw(t, server.url, { headers })
    client.write(flood)
    t.equal(await until(() => client.closeCode), 4002)
    const acks = client.messages.filter(({ type }) => type === 'heartbeat_ack')
    const errors = client.messages.filter(({ type }) => type === 'error')
    t.ok(acks.length <= BURST)
    t.equal(errors.length, REFUSALS_MAX)
    client.socket.destroy()
    await bystander.hears()
  }
  t.equal(connections, 3, 'as many as there were messages for')
  const { limits, closes } = server.app.limiter.refusals
  t.equal(limits.connection_messages + limits.address_messages, 3 * REFUSALS_MAX + 1)
  t.equal(closes.RateLimitBroken, 3)
  clock.advance(1000)
  await openRaw(t, server.url, { headers })
  t.pass('later it may come again')
})

t.test('of one who sends much at once a few messages a turn are looked at, though all came in one piece', async (t) => {
  const clock = new ManualClock()
  const server = await startServer(t, {}, { clock })
  const { limiter } = server.app
  const perTurn = [0]
  let over = false
  const nextTurn = () => {
    perTurn.push(0)
    if (!over) setImmediate(nextTurn)
  }
  const take = limiter.take.bind(limiter)
  limiter.take = (...message) => {
    const retryAfterMs = take(...message)
    perTurn[perTurn.length - 1] = (perTurn.at(-1) ?? 0) + 1
    return retryAfterMs
  }
  setImmediate(nextTurn)
  const client = await openRaw(t, server.url)
  client.write(Buffer.concat(Array.from({ length: 900 }, () => frame('{"type":"heartbeat"}'))))
  await until(() => client.messages.filter(({ type }) => type === 'error').length === 900 - BURST)
  over = true
  t.equal(
    perTurn.reduce((sum, heard) => sum + heard),
    900
  )
  // The turns of the test begin somewhere in the middle of those of the server.
  const [first, ...others] = perTurn.filter((heard) => heard > 2 * SLICE)
  t.strictSame(others, [])
  t.ok(Number(first) <= BURST / 4 + 2 * SLICE, `${first} at once`)
  clock.advance(1000)
  client.write(Buffer.concat(Array.from({ length: 50 }, () => frame('{"type":"heartbeat"}'))))
  await until(() => client.messages.filter(({ type }) => type === 'heartbeat_ack').length === BURST + 50)
})
