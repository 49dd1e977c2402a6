import type { Test } from 'tap'
import { fill, freshChannel, freshId, Hearing, offsetsOf, post, roomy, span, until } from './hearing.js'
import type { CreateStreams } from './streams-contract.js'

/** What goes with the messages of a channel, and what stays. */
export function testPurging(t: Test, createStreams: CreateStreams): void {
  const started = async (t: Test) => {
    const created = await createStreams(t)
    const heard = new Hearing()
    await created.streams.start(heard)
    return { ...created, heard }
  }

  t.test('the messages are gone; epoch and top stay, and the next offset goes on', async (t) => {
    const { streams } = await started(t)
    const [channel, other] = [freshChannel(), freshChannel()]
    const [first] = await fill(streams, channel, 10)
    await fill(streams, other, 3)
    const epoch = first?.position.epoch ?? ''
    await streams.purge(channel)
    const empty = { top: { epoch, offset: 10 }, oldest: 11, messages: [], hasMore: false, continuity: 'contiguous' }
    t.same(await streams.read(channel, { limit: 10 }), empty)
    t.same(await streams.read(channel, { before: 8, limit: 10 }), empty)
    t.match(await streams.tops([channel]), [{ epoch, offset: 10 }])
    t.match((await post(streams, channel)).position, { epoch, offset: 11 })
    t.same(offsetsOf((await streams.read(channel, { limit: 10 })).messages), [11])
    t.same(offsetsOf((await streams.read(other, { limit: 10 })).messages), [1, 2, 3], 'other channels are not touched')
  })

  t.test('a position from before is told the gap, up to the top', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    const published = await fill(streams, channel, 10)
    const epoch = published[0]?.position.epoch
    await streams.purge(channel)
    for (const after of [{ offset: 4 }, { epoch, offset: 4 }, published[3]?.position ?? { offset: 0 }]) {
      const page = await streams.read(channel, { after, limit: 10 })
      t.match(page, { continuity: 'gap', gap: { from: 5, to: 10 }, messages: [], hasMore: false })
    }
    const atTop = await streams.read(channel, { after: published[9]?.position, limit: 10 })
    t.match(atTop, { continuity: 'contiguous', messages: [] }, 'who has had everything misses nothing')
    await fill(streams, channel, 2)
    const page = await streams.read(channel, { after: { epoch, offset: 4 }, limit: 10 })
    t.match(page, { continuity: 'gap', gap: { from: 5, to: 10 } })
    t.same(offsetsOf(page.messages), [11, 12])
    t.match(await streams.read(channel, { after: { epoch: 'void', offset: 1 }, limit: 10 }), { continuity: 'reset' })
  })

  t.test('a message id that was seen before the purge still stores nothing', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    const messageId = freshId()
    const first = await post(streams, channel, 'first', { messageId })
    await post(streams, channel)
    await streams.purge(channel)
    t.same(await post(streams, channel, 'again', { messageId }), { ...first, duplicate: true })
    t.match(await streams.read(channel, { limit: 10 }), { messages: [], top: { offset: 2 } })
  })

  t.test('a purge can be repeated, and takes what has come since', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    await fill(streams, channel, 3)
    await streams.purge(channel)
    await streams.purge(channel)
    await fill(streams, channel, 3)
    t.same(offsetsOf((await streams.read(channel, { limit: 10 })).messages), [4, 5, 6])
    await Promise.all([streams.purge(channel), streams.purge(channel)])
    const page = await streams.read(channel, { after: { offset: 4 }, limit: 10 })
    t.match(page, { messages: [], top: { offset: 6 }, continuity: 'gap', gap: { from: 5, to: 6 } })
  })

  t.test('a channel that nobody has used is not made by a purge', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    await streams.purge(channel)
    t.equal((await streams.read(channel, { limit: 10 })).top, undefined)
    t.match((await post(streams, channel)).position, { offset: 1 })
  })

  t.test('a channel that was only listened to keeps its epoch', async (t) => {
    const { streams, heard } = await started(t)
    const channel = freshChannel()
    const [position] = await streams.subscribe([channel])
    await streams.purge(channel)
    t.match((await streams.read(channel, { limit: 10 })).top, position)
    t.match((await post(streams, channel)).position, { epoch: position?.epoch, offset: 1 })
    t.same(heard.signals, [])
  })

  t.test('a channel keeps as many as it should after a purge', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    const retention = { ...roomy, size: 5 }
    await fill(streams, channel, 20, { retention })
    await streams.purge(channel)
    await fill(streams, channel, 3, { retention })
    t.same(offsetsOf((await streams.read(channel, { limit: 10 })).messages), [21, 22, 23])
    await fill(streams, channel, 10, { retention })
    t.same(offsetsOf((await streams.read(channel, { limit: 10 })).messages), span(29, 33))
  })

  t.test('publishes that race a purge are numbered and kept without a hole, and all are heard', async (t) => {
    const { streams, heard } = await started(t)
    const channel = freshChannel()
    await streams.subscribe([channel])
    const rounds = 8
    for (let round = 0; round < rounds; round++) {
      const publishes = span(1, 60).map(async (index) => {
        if (index > 30) await new Promise(setImmediate)
        return await post(streams, channel)
      })
      await Promise.all([...publishes, streams.purge(channel)])
      const { messages, top, oldest } = await streams.read(channel, { limit: 1000 })
      t.equal(top?.offset, (round + 1) * 60)
      t.same(offsetsOf(messages), span(oldest, (round + 1) * 60))
      const after = await streams.read(channel, { after: { offset: round * 60 }, limit: 1000 })
      const missing = oldest > round * 60 + 1 ? { from: round * 60 + 1, to: oldest - 1 } : undefined
      t.same(after.gap, missing, 'what went is told, to the message')
    }
    const { position } = await post(streams, channel)
    await until(() => heard.offsets(channel).length >= position.offset)
    t.same(heard.offsets(channel), span(1, position.offset))
  })
}
