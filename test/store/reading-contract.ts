import type { Test } from 'tap'
import { fill, freshChannel, Hearing, offsetsOf, post, roomy, span, until } from './hearing.js'
import { testContinuity } from './reading-on-contract.js'
import type { CreateStreams } from './streams-contract.js'

/** Pages and retention. */
export function testReading(t: Test, createStreams: CreateStreams): void {
  const started = async (t: Test) => {
    const created = await createStreams(t)
    await created.streams.start(new Hearing())
    return created
  }

  t.test('a channel that nobody has used is empty, has no top, and is not created by reading', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    const empty = { top: undefined, oldest: 1, messages: [], hasMore: false, continuity: 'contiguous' }
    t.same(await streams.read(channel, { limit: 10 }), empty)
    t.same(await streams.read(channel, { limit: 0 }), empty)
    t.same(await streams.read(channel, { limit: 10, before: 5 }), empty)
    t.same(await streams.read(channel, { limit: 10, after: { offset: 0 } }), empty)
    t.same(await streams.read(channel, { limit: 10 }), empty)
  })

  t.test('without a bound a page has the newest messages, oldest first', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    const published = await fill(streams, channel, 10)
    const page = await streams.read(channel, { limit: 3 })
    t.same(offsetsOf(page.messages), [8, 9, 10])
    t.equal(page.hasMore, true, 'older ones lie beyond')
    t.equal(page.continuity, 'contiguous')
    t.match(page.top, { epoch: published[9]?.position.epoch, offset: 10 })
    const whole = await streams.read(channel, { limit: 10 })
    t.same(offsetsOf(whole.messages), span(1, 10))
    t.equal(whole.hasMore, false)
    t.equal((await streams.read(channel, { limit: 11 })).hasMore, false)
  })

  t.test('`before` is exclusive and pages towards older ones', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    await fill(streams, channel, 10)
    const cases = [
      { before: 8, limit: 3, offsets: [5, 6, 7], hasMore: true },
      { before: 4, limit: 3, offsets: [1, 2, 3], hasMore: false },
      { before: 3, limit: 3, offsets: [1, 2], hasMore: false },
      { before: 2, limit: 1, offsets: [1], hasMore: false },
      { before: 1, limit: 3, offsets: [], hasMore: false },
      { before: 0, limit: 3, offsets: [], hasMore: false },
      { before: 11, limit: 2, offsets: [9, 10], hasMore: true },
      { before: 500, limit: 2, offsets: [9, 10], hasMore: true },
      { before: Number.MAX_SAFE_INTEGER, limit: 1, offsets: [10], hasMore: true }
    ]
    for (const { before, limit, offsets, hasMore } of cases) {
      const page = await streams.read(channel, { before, limit })
      t.same(offsetsOf(page.messages), offsets, `before ${before}`)
      t.equal(page.hasMore, hasMore, `more before ${before}`)
      t.equal(page.top?.offset, 10)
    }
  })

  t.test('`after` is exclusive and pages towards newer ones', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    await fill(streams, channel, 10)
    const cases = [
      { after: 0, limit: 3, offsets: [1, 2, 3], hasMore: true },
      { after: 3, limit: 3, offsets: [4, 5, 6], hasMore: true },
      { after: 7, limit: 3, offsets: [8, 9, 10], hasMore: false },
      { after: 9, limit: 3, offsets: [10], hasMore: false },
      { after: 10, limit: 3, offsets: [], hasMore: false },
      { after: 500, limit: 3, offsets: [], hasMore: false },
      { after: Number.MAX_SAFE_INTEGER, limit: 3, offsets: [], hasMore: false }
    ]
    for (const { after, limit, offsets, hasMore } of cases) {
      const page = await streams.read(channel, { after: { offset: after }, limit })
      t.same(offsetsOf(page.messages), offsets, `after ${after}`)
      t.equal(page.hasMore, hasMore, `more after ${after}`)
      t.equal(page.continuity, 'contiguous')
    }
  })

  t.test('with limit 0 only the top is read, and what lies beyond', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    await fill(streams, channel, 3)
    t.match(await streams.read(channel, { limit: 0 }), { messages: [], top: { offset: 3 }, hasMore: true })
    t.match(await streams.read(channel, { limit: 0, before: 1 }), { messages: [], hasMore: false })
    t.match(await streams.read(channel, { limit: 0, after: { offset: 2 } }), { messages: [], hasMore: true })
    t.match(await streams.read(channel, { limit: 0, after: { offset: 3 } }), { messages: [], hasMore: false })
  })

  t.test('a channel keeps the newest messages up to its size, to the message', async (t) => {
    const { streams } = await started(t)
    for (const [size, count] of [
      [1, 3],
      [3, 3],
      [3, 4],
      [7, 350],
      [100, 101]
    ] as const) {
      const channel = freshChannel()
      await fill(streams, channel, count, { retention: { ...roomy, size } })
      const kept = span(count - size + 1, count)
      const newest = await streams.read(channel, { limit: 1000 })
      t.same(offsetsOf(newest.messages), kept, `newest of ${size}`)
      t.equal(newest.hasMore, false, 'nothing older is retained')
      const earlier = await streams.read(channel, { before: count, limit: 1000 })
      t.same(offsetsOf(earlier.messages), kept.slice(0, -1), `before the top of ${size}`)
      t.equal(earlier.hasMore, false)
      const later = await streams.read(channel, { after: { offset: 0 }, limit: 1000 })
      t.same(offsetsOf(later.messages), kept, `after 0 of ${size}`)
      t.equal(newest.top?.offset, count)
    }
  })

  t.test('a channel of size 0 numbers and delivers, and keeps nothing', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    await fill(streams, channel, 3, { retention: { ...roomy, size: 0 } })
    t.match(await streams.read(channel, { limit: 10 }), { messages: [], hasMore: false, top: { offset: 3 } })
    const page = await streams.read(channel, { after: { offset: 1 }, limit: 10 })
    t.match(page, { messages: [], hasMore: false, continuity: 'gap', gap: { from: 2, to: 3 } })
  })

  t.test('a smaller size holds from the next publish on', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    await fill(streams, channel, 10)
    await post(streams, channel, 'smaller', { retention: { ...roomy, size: 2 } })
    t.same(offsetsOf((await streams.read(channel, { limit: 10 })).messages), [10, 11])
  })

  t.test('messages that were never kept are a gap, also when the channel keeps some again', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    await fill(streams, channel, 3)
    await post(streams, channel, 'not kept', { retention: { ...roomy, size: 0 } })
    await post(streams, channel, 'kept')
    const page = await streams.read(channel, { after: { offset: 3 }, limit: 10 })
    t.same(offsetsOf(page.messages), [5])
    t.match(page, { continuity: 'gap', gap: { from: 4, to: 4 } }, 'a loss is never silent')
    const { messages } = await streams.read(channel, { limit: 10 })
    t.same(offsetsOf(messages), span(messages[0]?.offset ?? 0, 5), 'no hole within a page')
  })

  t.test('a message that is too old is gone, and a younger one stays', async (t) => {
    const { streams, now, pass } = await started(t)
    const channel = freshChannel()
    const retention = { size: 1000, ttlMs: 600 }
    const publish = () => post(streams, channel, 'hi', { timestamp: now(), retention })
    await publish()
    await publish()
    t.same(offsetsOf((await streams.read(channel, { limit: 10 })).messages), [1, 2])
    await until(async () => {
      await pass(100)
      const { position } = await publish()
      const page = await streams.read(channel, { limit: 1000 })
      t.equal(page.messages.at(-1)?.offset, position.offset, 'the newest is there')
      t.equal(page.hasMore, false)
      return page.messages[0]?.offset !== 1
    })
    const page = await streams.read(channel, { after: { offset: 0 }, limit: 1000 })
    t.equal(page.continuity, 'gap')
    t.same(page.gap, { from: 1, to: (page.messages[0]?.offset ?? 0) - 1 })
  })

  t.test('epoch and top outlive the messages', async (t) => {
    const { streams, now, pass } = await started(t)
    const channel = freshChannel()
    const publish = () => post(streams, channel, 'hi', { timestamp: now(), retention: { size: 10, ttlMs: 200 } })
    const { epoch } = (await publish()).position
    await publish()
    await until(async () => {
      await pass(50)
      return (await streams.read(channel, { limit: 10 })).messages.length === 0
    })
    const page = await streams.read(channel, { limit: 10 })
    t.same(page, { top: { epoch, offset: 2 }, oldest: 3, messages: [], hasMore: false, continuity: 'contiguous' })
    const atTop = await streams.read(channel, { after: { epoch, offset: 2 }, limit: 10 })
    t.match(atTop, { continuity: 'contiguous', hasMore: false })
    const below = await streams.read(channel, { after: { epoch, offset: 0 }, limit: 10 })
    t.match(below, { continuity: 'gap', gap: { from: 1, to: 2 }, hasMore: false })
    t.match((await publish()).position, { epoch, offset: 3 })
  })

  testContinuity(t, createStreams)
}
