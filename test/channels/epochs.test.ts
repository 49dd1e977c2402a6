import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Receiver } from '../../src/channels/receiver.js'
import { Turn } from '../../src/connections/turn.js'
import { fakeConnection } from '../support/fake-transport.js'
import { until } from '../support/until.js'
import { fakeChannel } from './fake-channel.js'
import { FakeLog } from './fake-log.js'

const retention = { size: 1000, ttlMs: Number.POSITIVE_INFINITY }

function setUp() {
  const log = new FakeLog()
  const turn = new Turn()
  const channel = fakeChannel({ retention, turn, read: log.read })
  return { log, turn, channel }
}

t.test('a position of another epoch is judged by the store, however its offset compares', async (t) => {
  const { log, turn, channel } = setUp()
  log.epoch = 'e2'
  channel.begin({ epoch: 'e2', offset: 0 })
  for (const content of ['a', 'b']) channel.accept(log.append(content))
  const { connection, transport } = fakeConnection({ turn })
  const receiver = new Receiver(connection, { epoch: 'e1', offset: 5 })
  channel.attach(receiver)
  void channel.catchUp(receiver)
  await until(() => transport.payloads.length === 3)
  const heard = transport.payloads.map((text) => JSON.parse(text))
  t.match(heard, [{ action: 'reset', room: 'r', epoch: 'e2', offset: 0 }, { content: 'a' }, { content: 'b' }])
})

t.test(
  'after a fork at which nothing happened the channel is in the new epoch, and needs no further look',
  async (t) => {
    const { log, channel } = setUp()
    channel.begin({ epoch: 'e1', offset: 0 })
    channel.accept(log.append('a'))
    log.rollBack(1, 'e2')
    await channel.repair()
    t.strictSame(channel.position, { epoch: 'e2', offset: 1, messageId: 'm1' })
  }
)

t.test('what was read ahead of this node and then rolled back is nobody told any more', async (t) => {
  const { log, turn, channel } = setUp()
  channel.begin({ epoch: 'e1', offset: 0 })
  for (const content of ['a', 'b', 'c']) channel.accept(log.append(content))
  // Stored, and on its way to this node.
  for (const content of ['lost', 'lost too']) log.append(content)
  const holder = new Receiver(fakeConnection({ turn }).connection, { epoch: 'e1', offset: 1 })
  channel.hold(holder)
  await channel.log.after({ epoch: 'e1', offset: 1 })
  const contents = async () => {
    const page = await channel.log.after({ epoch: 'e1', offset: 2 })
    return page.publications.map(({ payload }) => JSON.parse(String(payload)).content)
  }
  log.rollBack(3, 'e2')
  await channel.repair()
  t.same(await contents(), ['c'])
  for (const content of ['d', 'e']) channel.accept(log.append(content))
  t.same(await contents(), ['c', 'd', 'e'])
})

t.test(
  'one who stands ahead of this node where that is rolled back is told so, and misses nothing after',
  async (t) => {
    const { log, turn, channel } = setUp()
    channel.begin({ epoch: 'e1', offset: 0 })
    for (const content of ['a', 'b', 'c']) channel.accept(log.append(content))
    for (const content of ['lost', 'lost too']) log.append(content)
    const { connection, transport } = fakeConnection({ turn })
    const receiver = new Receiver(connection, { epoch: 'e1', offset: 2 })
    channel.attach(receiver)
    await channel.catchUp(receiver, await channel.log.after({ epoch: 'e1', offset: 2 }))
    log.rollBack(3, 'e2')
    await channel.repair()
    for (const content of ['d', 'e', 'f']) {
      channel.accept(log.append(content))
      await nextTurn()
    }
    await until(() => receiver.live && receiver.position.offset === 6)
    const heard = transport.payloads.map((text) => JSON.parse(text)).map(({ content, action }) => content ?? action)
    t.same(heard, ['c', 'lost', 'lost too', 'reset', 'd', 'e', 'f'])
  }
)

t.test(
  'one who stands ahead of this node where that is rolled back is told so also when nothing follows',
  async (t) => {
    for (const heard of [2, 3]) {
      const { log, turn, channel } = setUp()
      channel.begin({ epoch: 'e1', offset: 0 })
      for (const content of ['a', 'b', 'c'].slice(0, heard)) channel.accept(log.append(content))
      for (const content of ['c', 'lost', 'lost too'].slice(heard - 2)) log.append(content)
      const { connection, transport } = fakeConnection({ turn })
      const receiver = new Receiver(connection, { epoch: 'e1', offset: 2 })
      channel.attach(receiver)
      await channel.catchUp(receiver, await channel.log.after({ epoch: 'e1', offset: 2 }))
      log.rollBack(3, 'e2')
      await channel.repair()
      await until(() => transport.payloads.length === 4)
      const told = transport.payloads.map((text) => JSON.parse(text)).map(({ content, action }) => content ?? action)
      t.same(told, ['c', 'lost', 'lost too', 'reset'], `this node has heard ${heard}`)
    }
  }
)
