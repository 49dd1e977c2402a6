import t from 'tap'
import { Heartbeat } from '../../src/connections/heartbeat.js'
import { fakeConnection } from '../support/fake-transport.js'
import { ManualClock } from '../support/manual-clock.js'

function setUp() {
  const clock = new ManualClock()
  const heartbeat = new Heartbeat({ intervalMs: 20_000, timeoutMs: 60_000, clock, onPing: () => {} })
  const add = () => {
    const { connection, transport } = fakeConnection()
    heartbeat.add(connection)
    return { connection, transport }
  }
  return { clock, heartbeat, add }
}

/** Time passes as it does on a loop that is not blocked. */
function pass(clock: ManualClock, ms: number, each: () => void = () => {}): void {
  for (let passed = 0; passed < ms; passed += 100) {
    clock.advance(100)
    each()
  }
}

t.test('every connection is pinged once an interval, each time with a serial that is new to it', async (t) => {
  const { clock, add } = setUp()
  const members = Array.from({ length: 40 }, add)
  pass(clock, 65_000, () => {
    for (const { connection } of members) connection.touch(clock.monotonic())
  })
  for (const { transport } of members) t.ok(transport.pings.length === 2 || transport.pings.length === 3)
  for (const { transport } of members) t.equal(new Set(transport.pings).size, transport.pings.length)
})

t.test('one that shows no sign of life is closed with 4000 after the time-out, and not before', async (t) => {
  const { clock, add } = setUp()
  const [silent, alive] = [add(), add()]
  const answer = () => alive.connection.touch(clock.monotonic())
  pass(clock, 59_900, answer)
  t.equal(silent.transport.closedWith, undefined)
  pass(clock, 6000, answer)
  t.equal(silent.transport.closedWith, 4000)
  t.equal(alive.transport.closedWith, undefined)
})

t.test('a socket that slowly takes what waits for it is alive, one that takes nothing is not', async (t) => {
  const { clock, add } = setUp()
  const [slow, dead] = [add(), add()]
  for (const { transport } of [slow, dead]) transport.bufferedBytes = 1000
  pass(clock, 120_000, () => {
    slow.transport.drainedBytes++
  })
  t.equal(slow.transport.closedWith, undefined)
  t.equal(dead.transport.closedWith, 4000)
})

t.test('what a dead socket takes into its own buffers is no sign of life', async (t) => {
  const { clock, add } = setUp()
  const { transport } = add()
  pass(clock, 70_000, () => {
    transport.drainedBytes++
  })
  t.equal(transport.closedWith, 4000)
})

t.test('after a blocked event loop nobody is judged before there was time to read', async (t) => {
  const { clock, heartbeat, add } = setUp()
  const members = Array.from({ length: 32 }, add)
  // The loop stands still: its timer fires once, late, while the pongs still wait in the sockets.
  clock.block(90_000)
  t.ok(members.every(({ transport }) => transport.closedWith === undefined))
  for (const { connection } of members) connection.touch(clock.monotonic())
  pass(clock, 10_000)
  t.ok(members.every(({ transport }) => transport.closedWith === undefined))
  heartbeat.close()
})

t.test('one that was removed is left alone', async (t) => {
  const { clock, heartbeat, add } = setUp()
  const { connection, transport } = add()
  heartbeat.remove(connection)
  heartbeat.remove(connection)
  pass(clock, 100_000)
  t.equal(transport.pings.length, 0)
  t.equal(transport.closedWith, undefined)
})

t.test('the time in which the process stood still is held against nobody, and then it goes on', async (t) => {
  const { clock, add } = setUp()
  const members = Array.from({ length: 32 }, add)
  const [answers, gone] = [members.slice(0, 16), members.slice(16)]
  pass(clock, 20_000, () => {
    for (const { connection } of members) connection.touch(clock.monotonic())
  })
  // As after SIGSTOP: nothing was sent meanwhile, and so nothing waits in the sockets either.
  clock.block(90_000)
  const pingsOf = ({ transport }: (typeof members)[number]) => transport.pings.length
  const before = new Map(answers.map((member) => [member, pingsOf(member)]))
  pass(clock, 59_000, () => {
    for (const member of answers) {
      if (pingsOf(member) > (before.get(member) ?? 0)) member.connection.touch(clock.monotonic())
    }
  })
  for (const { transport } of members) t.equal(transport.closedWith, undefined)
  pass(clock, 6000, () => {
    for (const { connection } of answers) connection.touch(clock.monotonic())
  })
  for (const { transport } of answers) t.equal(transport.closedWith, undefined)
  for (const { transport } of gone) t.equal(transport.closedWith, 4000, 'within the time-out and a quarter interval')
})

t.test('one that was heard after the pause has no time to its credit', async (t) => {
  const clock = new ManualClock()
  const { connection, transport } = fakeConnection()
  // Its frame is read before the wheel turns.
  clock.after(5, () => connection.touch(clock.monotonic()))
  const heartbeat = new Heartbeat({ intervalMs: 20_000, timeoutMs: 60_000, clock, onPing: () => {} })
  heartbeat.add(connection)
  clock.block(50_000)
  pass(clock, 66_000)
  t.equal(transport.closedWith, 4000)
})
