import t from 'tap'
import { Drain } from '../../src/connections/drain.js'
import { fakeConnection } from '../support/fake-transport.js'
import { ManualClock } from '../support/manual-clock.js'

/** A drain of so many connections, which looks what each has been told. */
function draining(size: number, durationMs = 10_000) {
  const clock = new ManualClock()
  const drain = new Drain({ clock, durationMs })
  const clients = Array.from({ length: size }, () => fakeConnection())
  const told = () => {
    for (const { connection } of clients) connection.outbox.endTurn()
    return clients.map(({ transport }) => transport.payloads.map((payload) => JSON.parse(payload)))
  }
  const state = { over: false }
  const begin = () => {
    const running = drain.run(clients.map(({ connection }) => connection))
    running.then(() => {
      state.over = true
    })
    return running
  }
  return { clock, drain, begin, told, state }
}

const toldCount = (told: unknown[][]) => told.filter((messages) => messages.length > 0).length

t.test('in each slot a share of the connections is told to go within that slot', async (t) => {
  const { clock, begin, told } = draining(90)
  const running = begin()
  const counts = []
  for (let slot = 0; slot < 10; slot++) {
    counts.push(toldCount(told()))
    clock.advance(1000)
  }
  await running
  t.strictSame(counts, [10, 20, 30, 40, 50, 60, 70, 80, 90, 90])
  for (const messages of told()) {
    t.strictSame(messages, [{ type: 'system', action: 'goaway', reconnect_within_ms: 1000 }])
  }
})

t.test('all are told in time, whatever their number', async (t) => {
  for (const size of [1, 8, 9, 10, 100, 1001]) {
    const { clock, begin, told } = draining(size, 2000)
    const running = begin()
    clock.advance(1800)
    t.equal(toldCount(told()), size, `${size} are told before the last slot`)
    clock.advance(200)
    await running
    t.ok(
      told().every((messages) => messages.length === 1),
      'once each'
    )
  }
})

t.test('it lasts as long as it may, and no longer than anybody is there', async (t) => {
  const whole = draining(5)
  whole.begin()
  whole.clock.advance(9999)
  await null
  t.equal(whole.state.over, false)
  const early = draining(5)
  const running = early.begin()
  early.drain.finish()
  await running
  early.clock.advance(10_000)
  t.equal(toldCount(early.told()), 1, 'nobody is told any more')
})

t.test('without anybody, without time and in a hurry it is over at once, and nobody is told', async (t) => {
  for (const { drain, begin, told, hurried } of [
    { ...draining(0), hurried: false },
    { ...draining(5, 0), hurried: false },
    { ...draining(5), hurried: true }
  ]) {
    if (hurried) drain.hurry()
    await begin()
    t.equal(toldCount(told()), 0)
  }
})

t.test('it can be hurried on the way, and that everybody left before does not end it', async (t) => {
  const { drain, begin, state } = draining(5)
  drain.finish()
  const running = begin()
  await null
  t.equal(state.over, false)
  drain.hurry()
  await running
})
