import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Receiver } from '../../src/channels/receiver.js'
import { Turn } from '../../src/connections/turn.js'
import type { Position } from '../../src/store/streams.js'
import { fakeConnection } from '../support/fake-transport.js'
import { ManualClock } from '../support/manual-clock.js'
import { until } from '../support/until.js'
import { fakeChannel } from './fake-channel.js'
import { FakeLog } from './fake-log.js'

function setUp({ slowConsumerBytes = 1000, size = 1000, batchDelayMs = 0 } = {}) {
  const clock = new ManualClock()
  const log = new FakeLog()
  const turn = new Turn()
  let delivered = 0
  let droppedSignals = 0
  const channel = fakeChannel({
    retention: { size, ttlMs: Number.POSITIVE_INFINITY },
    turn,
    clock,
    batchDelayMs,
    read: log.read,
    onDelivered: (count) => {
      delivered += count
    },
    onSignalsDropped: (count) => {
      droppedSignals += count
    }
  })
  const member = (position: Position = channel.position, id?: string) => {
    const { connection, transport } = fakeConnection({ turn, slowConsumerBytes, ...(id !== undefined && { id }) })
    const receiver = new Receiver(connection, position)
    channel.attach(receiver)
    const done = channel.catchUp(receiver)
    /** Contents of messages; system messages by their action. */
    const heard = () =>
      transport.payloads.map((text) => {
        const { content, action } = JSON.parse(text)
        return content ?? action
      })
    return { receiver, connection, transport, heard, done }
  }
  return { clock, log, channel, member, delivered: () => delivered, droppedSignals: () => droppedSignals }
}

t.test('members hear messages in order, one write a turn, one buffer for all', async (t) => {
  const { log, channel, member, delivered } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const members = [member(), member(), member()]
  for (const content of ['a', 'b', 'c']) channel.accept(log.append(content))
  await nextTurn()
  for (const { heard, transport } of members) {
    t.strictSame(heard(), ['a', 'b', 'c'])
    t.equal(transport.writes, 1)
  }
  t.equal(log.reads, 0)
  t.equal(delivered(), 9)
})

t.test('those who come back to one place share what they are sent, and what is read of it', async (t) => {
  const { log, channel, member } = setUp()
  for (const content of ['a', 'b', 'c']) log.append(content)
  channel.begin({ epoch: 'e1', offset: 3 })
  const place = { epoch: 'e1', offset: 1 }
  const together = [member(place), member(place)]
  await Promise.all(together.map(({ done }) => done))
  const later = [member(place), member(place)]
  await nextTurn()
  for (const pair of [together, later]) {
    const [one, other] = pair.map(({ transport }) => transport.chunks)
    t.equal(one?.length, 1)
    t.equal(one?.[0], other?.[0])
  }
  t.strictSame(later[1]?.heard(), ['b', 'c'])
  t.equal(log.reads, 1)
})

t.test('who is left out of something is sent the rest of it', async (t) => {
  const { log, channel, member } = setUp()
  log.append('a')
  channel.begin({ epoch: 'e1', offset: 1 })
  const place = { epoch: 'e1', offset: 0 }
  await member(place).done
  channel.accept(log.append('b', { exclude: ['left-out'] }))
  const [others, leftOut] = [member(place), member(place, 'left-out')]
  await nextTurn()
  t.strictSame([others.heard(), leftOut.heard()], [['a', 'b'], ['a']])
})

t.test('with a delay what comes within it is one write, and what is alone does not wait', async (t) => {
  const { clock, log, channel, member } = setUp({ batchDelayMs: 20 })
  channel.begin({ epoch: 'e1', offset: 0 })
  const { heard, transport } = member()
  channel.accept(log.append('a'))
  await nextTurn()
  t.strictSame(heard(), ['a'])
  for (const content of ['b', 'c']) {
    channel.accept(log.append(content))
    clock.advance(9)
    await nextTurn()
  }
  t.strictSame(heard(), ['a'])
  const late = member({ epoch: 'e1', offset: 1 })
  await late.done
  await nextTurn()
  t.strictSame(late.heard(), ['b', 'c'], 'who comes in meanwhile has it at once')
  clock.advance(2)
  await nextTurn()
  t.strictSame(heard(), ['a', 'b', 'c'])
  t.equal(transport.writes, 2)
  clock.advance(20)
  channel.accept(log.append('d'))
  await nextTurn()
  t.strictSame(heard(), ['a', 'b', 'c', 'd'])
  t.strictSame(late.heard(), ['b', 'c', 'd'], 'and has it once')
})

t.test('a message that comes twice is passed on once', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const { heard } = member()
  const first = log.append('a')
  for (const message of [first, first, log.append('b'), first]) channel.accept(message)
  await nextTurn()
  t.strictSame(heard(), ['a', 'b'])
})

t.test('messages before the confirmation of the subscription are kept, those up to it dropped', async (t) => {
  const { log, channel, member } = setUp()
  const [a, b, c] = [log.append('a'), log.append('b'), log.append('c')]
  channel.accept(b)
  channel.accept(c)
  channel.begin({ epoch: 'e1', offset: 2 })
  t.strictSame(channel.position, { epoch: 'e1', offset: 3, messageId: 'm3' })
  channel.accept(a)
  const { heard } = member({ epoch: 'e1', offset: 2 })
  await until(() => heard().length > 0)
  t.strictSame(heard(), ['c'])
})

t.test('a hole is read once for all members and filled before anything later is passed on', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const members = [member(), member()]
  channel.accept(log.append('a'))
  for (const lost of ['b', 'c']) log.append(lost)
  channel.accept(log.append('d'))
  channel.accept(log.append('e'))
  await until(() => members.every(({ heard }) => heard().length === 5))
  for (const { heard } of members) t.strictSame(heard(), ['a', 'b', 'c', 'd', 'e'])
  t.ok(log.reads <= 2, `${log.reads} reads`)
})

t.test('what comes while a hole is being read is not lost', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const { heard } = member()
  log.append('a')
  let open = () => {}
  log.gate = new Promise((resolve) => {
    open = resolve
  })
  channel.accept(log.append('b'))
  // Stored after the read began, heard while it is under way.
  channel.accept(log.append('c'))
  open()
  await until(() => heard().length === 3)
  t.strictSame(heard(), ['a', 'b', 'c'])
})

t.test('a hole that cannot be filled any more is told as a gap to every member', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const { heard, transport } = member()
  for (const content of ['a', 'b', 'c']) log.append(content)
  log.trim(3)
  channel.accept(log.append('d'))
  await until(() => heard().length === 3)
  t.strictSame(heard(), ['gap', 'c', 'd'])
  t.match(JSON.parse(transport.payloads[0] ?? ''), { room: 'r', epoch: 'e1', from: 1, to: 2 })
  channel.accept(log.append('e'))
  await until(() => heard().at(-1) === 'e')
  t.equal(heard().length, 4)
})

/** A member has heard three messages, and the store has lost the last two. */
async function rolledBack() {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const { heard, transport } = member()
  for (const content of ['a', 'b', 'c']) channel.accept(log.append(content))
  await nextTurn()
  log.rollBack(1, 'e2')
  return { log, channel, heard, transport }
}

t.test('a roll-back is told as a reset, and what lies beyond the fork follows', async (t) => {
  const { log, channel, heard, transport } = await rolledBack()
  log.append('B')
  await channel.repair()
  await until(() => heard().at(-1) === 'B')
  t.strictSame(heard(), ['a', 'b', 'c', 'reset', 'B'])
  t.match(JSON.parse(transport.payloads[3] ?? ''), { room: 'r', epoch: 'e2', offset: 1 })
  channel.accept(log.append('C'))
  await until(() => heard().at(-1) === 'C')
  t.strictSame(channel.position, { epoch: 'e2', offset: 3, messageId: 'm3' })
})

t.test('a roll-back beyond which nothing lies is told after one read', async (t) => {
  const { log, channel, heard, transport } = await rolledBack()
  await channel.repair()
  await until(() => heard().at(-1) === 'reset')
  t.match(JSON.parse(transport.payloads[3] ?? ''), { epoch: 'e2', offset: 1 })
  t.equal(log.reads, 1, 'a Redis that lost everything is asked once for each channel')
  channel.accept(log.append('B'))
  await until(() => heard().at(-1) === 'B')
  t.equal(log.reads, 1)
})

t.test('the next offset under another epoch is looked into: a roll-back may hide behind it', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const { heard } = member()
  for (const content of ['a', 'b']) channel.accept(log.append(content))
  await nextTurn()
  log.rollBack(1, 'e2')
  log.append('B')
  channel.accept(log.append('C'))
  await until(() => heard().at(-1) === 'C')
  t.strictSame(heard(), ['a', 'b', 'reset', 'B', 'C'])
})

t.test('a fork at which nothing was lost is told to nobody', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const { heard } = member()
  channel.accept(log.append('a'))
  log.rollBack(1, 'e2')
  channel.accept(log.append('b'))
  await until(() => heard().at(-1) === 'b')
  t.strictSame(heard(), ['a', 'b'])
})

t.test('a member that begins further back gets the log and then goes live without a seam', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  for (let n = 1; n <= 250; n++) channel.accept(log.append(String(n)))
  const { heard, receiver } = member({ epoch: 'e1', offset: 10 })
  // While the log is read, new ones keep coming.
  for (let n = 251; n <= 300; n++) {
    channel.accept(log.append(String(n)))
    await nextTurn()
  }
  await until(() => heard().length >= 290)
  t.strictSame(
    heard(),
    Array.from({ length: 290 }, (_, index) => String(index + 11))
  )
  t.ok(receiver.live)
})

t.test('while the store is away a member that catches up waits, and then gets everything', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  for (const content of ['a', 'b']) channel.accept(log.append(content))
  log.failing = true
  const { heard } = member({ epoch: 'e1', offset: 0 })
  await until(() => log.reads >= 3)
  log.failing = false
  await until(() => heard().length === 2)
  t.strictSame(heard(), ['a', 'b'])
})

t.test('a slow reader is not queued for, drops signals, and gets the rest from the log in order', async (t) => {
  const { log, channel, member, droppedSignals } = setUp({ slowConsumerBytes: 200 })
  channel.begin({ epoch: 'e1', offset: 0 })
  const slow = member()
  const fast = member()
  slow.transport.stuck = true
  const text = 'x'.repeat(50)
  for (let n = 0; n < 400; n++) {
    channel.accept(log.append(`${text}${n}`))
    channel.signal({ encoded: Buffer.from('{"content":"signal"}'), exclude: [] })
    await nextTurn()
  }
  t.equal(fast.heard().filter((content) => content !== 'signal').length, 400)
  t.ok(slow.transport.bufferedBytes < 500, `${slow.transport.bufferedBytes} bytes wait for the slow one`)
  slow.transport.drain()
  await until(() => slow.heard().filter((content) => content !== 'signal').length === 400)
  t.strictSame(
    slow.heard().filter((content) => content !== 'signal'),
    Array.from({ length: 400 }, (_, n) => `${text}${n}`)
  )
  const signals = slow.heard().filter((content) => content === 'signal').length
  t.ok(signals < 10)
  t.equal(droppedSignals(), 400 - signals, 'each one that it did not get was counted')
  await slow.done
  channel.accept(log.append('live again'))
  await nextTurn()
  t.equal(slow.heard().at(-1), 'live again')
})

t.test('a slow reader beyond retention is told the gap', async (t) => {
  const { log, channel, member } = setUp({ slowConsumerBytes: 100, size: 11 })
  channel.begin({ epoch: 'e1', offset: 0 })
  const slow = member()
  slow.transport.stuck = true
  for (let n = 1; n <= 50; n++) {
    channel.accept(log.append('x'.repeat(60)))
    await nextTurn()
  }
  log.trim(40)
  slow.transport.drain()
  await until(() => slow.receiver.live)
  const gap = slow.transport.payloads.map((text) => JSON.parse(text)).find(({ action }) => action === 'gap')
  t.equal(gap.to, 39)
  const offsets = slow.transport.payloads.map((text) => JSON.parse(text).offset).filter(Boolean)
  t.strictSame(offsets, [
    ...Array.from({ length: gap.from - 1 }, (_, n) => n + 1),
    ...Array.from({ length: 11 }, (_, n) => n + 40)
  ])
})

t.test('one that is excluded does not get a message, and gets the next', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const [left, right] = [member(), member()]
  channel.accept(log.append('a', { exclude: [left.connection.id] }))
  channel.accept(log.append('b'))
  channel.signal({ encoded: Buffer.from('{"content":"s"}'), exclude: [right.connection.id] })
  await nextTurn()
  channel.accept(log.append('c'))
  await nextTurn()
  t.strictSame(left.heard(), ['b', 's', 'c'])
  t.strictSame(right.heard(), ['a', 'b', 'c'])
})

t.test('one that comes in the middle of a turn gets what is after its place and nothing before', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const early = member()
  channel.accept(log.append('a'))
  const late = member()
  channel.accept(log.append('b'))
  await nextTurn()
  t.strictSame(early.heard(), ['a', 'b'])
  t.strictSame(late.heard(), ['b'])
})

t.test('one that left hears nothing more, also of what was queued', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const { receiver, heard } = member()
  channel.accept(log.append('a'))
  channel.detach(receiver)
  channel.accept(log.append('b'))
  await nextTurn()
  t.strictSame(heard(), [])
})

t.test('a very large room is served in slices, each member in order and once', async (t) => {
  const { log, channel, member } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  const members = Array.from({ length: 5000 }, () => member())
  channel.accept(log.append('a'))
  await nextTurn()
  const served = () => members.filter(({ heard }) => heard().length > 0).length
  const first = served()
  t.ok(first > 0 && first < 5000, `${first} in the first turn`)
  channel.accept(log.append('b'))
  const joined = member()
  await until(() => served() === 5000 && members.every(({ heard }) => heard().length === 2))
  t.ok(members.every(({ heard }) => heard().join() === 'a,b'))
  channel.accept(log.append('c'))
  await until(() => joined.heard().length === 1)
  t.strictSame(joined.heard(), ['c'])
})
