import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Channel } from '../../src/channels/channel.js'
import { Receiver } from '../../src/channels/receiver.js'
import { Turn } from '../../src/connections/turn.js'
import { fakeConnection } from '../support/fake-transport.js'
import { ManualClock } from '../support/manual-clock.js'
import { until } from '../support/until.js'
import { FakeLog } from './fake-log.js'

const retention = { size: 1000, ttlMs: Number.POSITIVE_INFINITY }

function setUp() {
  const log = new FakeLog()
  const turn = new Turn()
  const tag = { room: 'r' }
  const channel = new Channel({
    id: 'room:r',
    tag,
    retention,
    turn,
    clock: new ManualClock(),
    read: log.read,
    pause: nextTurn,
    onDelivered: () => {},
    onSignalsDropped: () => {}
  })
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
