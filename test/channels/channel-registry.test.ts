import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { ChannelRegistry } from '../../src/channels/channel-registry.js'
import { Turn } from '../../src/connections/turn.js'
import { NO_RETENTION, type Position, type StreamListener, type Streams } from '../../src/store/streams.js'
import { ManualClock } from '../support/manual-clock.js'
import { until } from '../support/until.js'

/** Records what the registry asks of the store; answers are held back while `gate` is. */
class RecordingStreams implements Partial<Streams> {
  readonly calls: string[] = []
  gate: Promise<void> | undefined
  failing = false
  offset = 0

  async start(_listener: StreamListener): Promise<void> {}

  async subscribe(channels: readonly string[]): Promise<Position[]> {
    this.calls.push(`subscribe ${channels.join(' ')}`)
    await this.gate
    if (this.failing) throw new Error('away')
    return channels.map(() => ({ epoch: 'e', offset: this.offset }))
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    this.calls.push(`unsubscribe ${channels.join(' ')}`)
    await this.gate
  }

  async tops(channels: readonly string[]): Promise<Position[]> {
    this.calls.push(`tops ${channels.join(' ')}`)
    return channels.map(() => ({ epoch: 'e', offset: this.offset }))
  }

  async read() {
    this.calls.push('read')
    const top = { epoch: 'e', offset: this.offset }
    return {
      top,
      oldest: 1,
      messages: [],
      hasMore: false,
      continuity: 'gap' as const,
      gap: { from: 1, to: this.offset }
    }
  }
}

const purpose = { tag: { room: 'r' }, retention: NO_RETENTION, onSignal: () => true }

async function setUp() {
  const streams = new RecordingStreams()
  const clock = new ManualClock()
  const errors: unknown[] = []
  const registry = new ChannelRegistry({
    streams: streams as unknown as Streams,
    turn: new Turn(),
    clock,
    onDelivered: () => {},
    onSignalsDropped: () => {},
    onRepair: () => {},
    onLoss: () => {},
    onMalformed: () => {},
    beforeReset: async () => {},
    onError: (error) => errors.push(error)
  })
  await registry.start()
  return { streams, clock, registry, errors }
}

t.test('joins of one turn become one subscription, and each channel is subscribed once', async (t) => {
  const { streams, registry } = await setUp()
  await Promise.all(['a', 'b', 'a'].map((id) => registry.acquire(id, purpose)))
  t.strictSame(streams.calls, ['subscribe a b'])
})

t.test('a channel is unsubscribed when the last holder lets go, and then forgotten', async (t) => {
  const { streams, registry } = await setUp()
  await registry.acquire('a', purpose)
  await registry.acquire('a', purpose)
  registry.release('a')
  await nextTurn()
  t.equal(registry.get('a')?.id, 'a')
  registry.release('a')
  await until(() => registry.size === 0)
  t.strictSame(streams.calls, ['subscribe a', 'unsubscribe a'])
})

t.test('a join that crosses the last leave waits for its end: the node hears the channel afterwards', async (t) => {
  const { streams, registry } = await setUp()
  await registry.acquire('a', purpose)
  let open = () => {}
  streams.gate = new Promise((resolve) => {
    open = resolve
  })
  registry.release('a')
  await until(() => streams.calls.includes('unsubscribe a'))
  streams.offset = 7
  const joining = registry.acquire('a', purpose)
  await nextTurn()
  t.strictSame(streams.calls, ['subscribe a', 'unsubscribe a'], 'not before the leave is through')
  open()
  const channel = await joining
  t.equal(channel.position.offset, 7)
  t.equal(registry.get('a'), channel)
})

t.test('a join right after the last leave keeps the subscription', async (t) => {
  const { streams, registry } = await setUp()
  await registry.acquire('a', purpose)
  registry.release('a')
  await registry.acquire('a', purpose)
  await nextTurn()
  t.strictSame(streams.calls, ['subscribe a'])
})

t.test('a subscription that fails is told to all who wait for it and leaves nothing behind', async (t) => {
  const { streams, registry } = await setUp()
  streams.failing = true
  const joins = await Promise.allSettled([registry.acquire('a', purpose), registry.acquire('a', purpose)])
  t.ok(joins.every(({ status }) => status === 'rejected'))
  await until(() => registry.size === 0)
  streams.failing = false
  t.equal((await registry.acquire('a', purpose)).id, 'a')
})

t.test(
  'every 20 seconds the tops of all channels are looked at in one go, and what is behind is repaired',
  async (t) => {
    const { streams, clock, registry } = await setUp()
    const [a] = await Promise.all([registry.acquire('a', purpose), registry.acquire('b', purpose)])
    clock.advance(20_000)
    await until(() => streams.calls.includes('tops a b'))
    await nextTurn()
    t.notOk(streams.calls.includes('read'), 'nothing is read where nothing is behind')
    streams.offset = 3
    clock.advance(20_000)
    await until(() => a.position.offset === 3)
  }
)
