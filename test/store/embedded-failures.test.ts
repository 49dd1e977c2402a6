import t, { type Test } from 'tap'
import { EmbeddedStreams } from '../../src/store/embedded/embedded-streams.js'
import { MemoryLedger } from '../../src/store/embedded/memory-ledger.js'
import { ManualClock } from '../support/manual-clock.js'
import { freshChannel, freshId, Hearing, offsetsOf, post, span, until } from './hearing.js'

const refusal = { code: 'store_unavailable', retryAfterMs: 1000 }

/** A disk that is full, as long as a test says so. */
class FailingLedger extends MemoryLedger {
  failing = false
  failingReads = false
  commits = 0

  override async commit(...batch: Parameters<MemoryLedger['commit']>): Promise<void> {
    this.commits++
    if (this.failing) throw new Error('no space left on device')
    await super.commit(...batch)
  }

  override receipt(...query: Parameters<MemoryLedger['receipt']>): ReturnType<MemoryLedger['receipt']> {
    if (this.failingReads) throw new Error('input/output error')
    return super.receipt(...query)
  }
}

async function opened(t: Test) {
  const ledger = new FailingLedger()
  const streams = new EmbeddedStreams(ledger, new ManualClock(Date.now()))
  t.teardown(() => ledger.close())
  const heard = new Hearing()
  await streams.start(heard)
  return { ledger, streams, heard }
}

t.test('a commit that fails refuses all its publishes, sends none and leaves no hole', async (t) => {
  const { ledger, streams, heard } = await opened(t)
  const [channel, other] = [freshChannel(), freshChannel()]
  await streams.subscribe([channel, other])
  const { position } = await post(streams, channel, 'before')
  ledger.failing = true
  const refused = [channel, other, channel].map((name) => post(streams, name, 'lost'))
  for (const publish of refused) await t.rejects(publish, refusal)
  ledger.failing = false
  t.match((await post(streams, channel, 'after')).position, { epoch: position.epoch, offset: 2 })
  t.match((await post(streams, other, 'after')).position, { offset: 1 })
  await until(() => heard.messages.length >= 3)
  t.same(heard.texts(channel), ['before', 'after'])
  t.same(heard.texts(other), ['after'])
  const { messages } = await streams.read(channel, { limit: 10 })
  t.same(offsetsOf(messages), [1, 2])
})

t.test('a publish that was refused is made once by its retry', async (t) => {
  const { ledger, streams } = await opened(t)
  const channel = freshChannel()
  const messageId = freshId()
  ledger.failing = true
  await t.rejects(post(streams, channel, 'hi', { messageId }), refusal)
  ledger.failing = false
  t.match(await post(streams, channel, 'hi', { messageId }), { duplicate: false, position: { offset: 1 } })
  t.match(await post(streams, channel, 'hi', { messageId }), { duplicate: true, position: { offset: 1 } })
})

t.test('publishes that wait behind a commit that fails are stored', async (t) => {
  const { ledger, streams } = await opened(t)
  const channel = freshChannel()
  ledger.failing = true
  const refused = post(streams, channel).then(
    () => 'stored',
    () => {
      ledger.failing = false
      return 'refused'
    }
  )
  // Comes while the first batch is being committed.
  await new Promise(setImmediate)
  t.equal(await refused, 'refused')
  t.equal((await post(streams, channel)).position.offset, 1)
})

t.test('subscriptions and looks at the top that cannot create the epoch are refused', async (t) => {
  const { ledger, streams } = await opened(t)
  const channel = freshChannel()
  ledger.failing = true
  await t.rejects(streams.subscribe([channel]), refusal)
  await t.rejects(streams.tops([channel]), refusal)
  ledger.failing = false
  t.equal((await streams.read(channel, { limit: 1 })).top, undefined)
  t.match(await streams.subscribe([channel]), [{ offset: 0 }])
})

t.test('a sweep that fails can be done again', async (t) => {
  const ledger = new FailingLedger()
  const clock = new ManualClock()
  const streams = new EmbeddedStreams(ledger, clock)
  t.teardown(() => ledger.close())
  const channel = freshChannel()
  await post(streams, channel, 'hi', { timestamp: clock.now(), retention: { size: 10, ttlMs: 1000 } })
  clock.advance(1000)
  ledger.failing = true
  await t.rejects(streams.sweep(), refusal)
  ledger.failing = false
  await streams.sweep()
  t.same(ledger.read(channel, { from: 1, to: 1, limit: 1 }), [])
  t.equal((await post(streams, channel)).position.offset, 2)
})

t.test('a ledger that cannot be read refuses the publish, and the next is stored', async (t) => {
  const { ledger, streams } = await opened(t)
  const channel = freshChannel()
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  const former = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', note)
  t.teardown(() => {
    process.removeListener('unhandledRejection', note)
    for (const listener of former) process.on('unhandledRejection', listener)
  })
  ledger.failingReads = true
  let answer: unknown
  post(streams, channel).then(
    () => {
      answer = 'stored'
    },
    (error) => {
      answer = error
    }
  )
  await until(() => answer !== undefined, 2000).catch(() => t.fail('the publish was never answered'))
  t.match(answer, refusal)
  t.same(unhandled, [], 'nothing that would end the process')
  ledger.failingReads = false
  t.equal((await post(streams, channel)).position.offset, 1)
})

t.test('publishes of one turn share a commit', async (t) => {
  const { ledger, streams } = await opened(t)
  const channel = freshChannel()
  const answers = await Promise.all(span(1, 500).map((n) => post(streams, channel, `${n}`)))
  t.same(
    answers.map(({ position }) => position.offset),
    span(1, 500)
  )
  t.equal(ledger.commits, 1)
})
