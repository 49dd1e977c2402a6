import type { Test } from 'tap'
import { fill, freshChannel, freshId, Hearing, post, roomy, span, until } from './hearing.js'
import type { CreateStreams } from './streams-contract.js'

/** Subscriptions, signals and tops. */
export function testSubscribing(t: Test, createStreams: CreateStreams): void {
  const started = async (t: Test) => {
    const created = await createStreams(t)
    const heard = new Hearing()
    await created.streams.start(heard)
    return { ...created, heard }
  }

  t.test('a subscription of an unused channel creates the epoch that the first message has', async (t) => {
    const { streams, heard } = await started(t)
    const channel = freshChannel()
    const [position] = await streams.subscribe([channel])
    t.equal(position?.offset, 0)
    t.match(position?.epoch, /^.{1,64}$/)
    t.match((await streams.read(channel, { limit: 1 })).top, { epoch: position?.epoch, offset: 0 })
    const { position: first } = await post(streams, channel)
    t.match(first, { epoch: position?.epoch, offset: 1 })
    await until(() => heard.offsets(channel).length === 1)
    t.equal(heard.messages[0]?.message.epoch, position?.epoch)
    const page = await streams.read(channel, { after: { epoch: position?.epoch, offset: 0 }, limit: 5 })
    t.match(page, { continuity: 'contiguous', messages: [{ offset: 1 }] })
  })

  t.test('a subscription resolves with the positions in the order asked', async (t) => {
    const { streams } = await started(t)
    const channels = [freshChannel(), freshChannel(), freshChannel()]
    for (const [index, channel] of channels.entries()) await fill(streams, channel, index + 1)
    const positions = await streams.subscribe([...channels].reverse())
    t.same(
      positions.map(({ offset }) => offset),
      [3, 2, 1]
    )
    t.same(await streams.subscribe([]), [])
  })

  t.test('every message after the subscription comes once, in order', async (t) => {
    const { streams, heard } = await started(t)
    const channel = freshChannel()
    await fill(streams, channel, 5)
    const [position] = await streams.subscribe([channel])
    t.equal(position?.offset, 5)
    await fill(streams, channel, 200)
    await until(() => heard.offsets(channel).at(-1) === 205)
    t.same(heard.offsets(channel), span(6, 205))
  })

  t.test('publishes that cross with the subscription reach it, or are at or below its position', async (t) => {
    const { streams, heard } = await started(t)
    for (let round = 0; round < 20; round++) {
      const channel = freshChannel()
      const publishing = fill(streams, channel, 10)
      const [position] = await streams.subscribe([channel])
      const later = fill(streams, channel, 10)
      await Promise.all([publishing, later])
      await until(() => heard.offsets(channel).at(-1) === 20)
      const offsets = heard.offsets(channel)
      t.ok((offsets[0] ?? 0) <= (position?.offset ?? 0) + 1, 'no hole after the position')
      t.same(offsets, span(offsets[0] ?? 0, 20))
    }
  })

  t.test('a second subscription of a channel doubles nothing', async (t) => {
    const { streams, heard } = await started(t)
    const channel = freshChannel()
    const [first] = await streams.subscribe([channel])
    const [second, third] = await streams.subscribe([channel, channel])
    t.same(second, first)
    t.same(third, first)
    await fill(streams, channel, 3)
    await until(() => heard.offsets(channel).at(-1) === 3)
    t.same(heard.offsets(channel), [1, 2, 3])
  })

  t.test('nothing comes after the end of a subscription', async (t) => {
    const { streams, heard } = await started(t)
    const [channel, marker] = [freshChannel(), freshChannel()]
    await streams.subscribe([channel, marker])
    await post(streams, channel)
    await until(() => heard.offsets(channel).length === 1)
    await streams.unsubscribe([channel])
    await post(streams, channel)
    await streams.signal(channel, Buffer.from('signal'))
    await post(streams, marker)
    await until(() => heard.offsets(marker).length === 1)
    t.same(heard.offsets(channel), [1])
    t.same(heard.signalTexts(channel), [])
  })

  t.test('the end of a subscription that is none is no error', async (t) => {
    const { streams } = await started(t)
    await streams.unsubscribe([freshChannel()])
    await streams.unsubscribe([])
    const channel = freshChannel()
    await streams.subscribe([channel])
    await streams.unsubscribe([channel, channel])
    await streams.unsubscribe([channel])
    t.equal((await post(streams, channel)).position.offset, 1)
  })

  t.test('a channel that is subscribed to anew is heard again', async (t) => {
    const { streams, heard } = await started(t)
    const channel = freshChannel()
    for (let round = 1; round <= 10; round++) {
      const [position] = await streams.subscribe([channel])
      t.equal(position?.offset, round - 1)
      await post(streams, channel)
      await until(() => heard.offsets(channel).length === round)
      await streams.unsubscribe([channel])
    }
    // The end of one and the begin of the next, under way together.
    await streams.subscribe([channel])
    const ending = streams.unsubscribe([channel])
    const beginning = streams.subscribe([channel])
    await Promise.all([ending, beginning])
    await post(streams, channel)
    await until(() => heard.offsets(channel).length === 11)
  })

  t.test('only what is subscribed to is heard', async (t) => {
    const { streams, heard } = await started(t)
    const [mine, other] = [freshChannel(), freshChannel()]
    await streams.subscribe([mine])
    await post(streams, other)
    await streams.signal(other, Buffer.from('signal'))
    await post(streams, mine)
    await until(() => heard.offsets(mine).length === 1)
    t.equal(heard.messages.length, 1)
    t.equal(heard.signals.length, 0)
  })

  t.test('thousands of channels are subscribed to in one call', async (t) => {
    const { streams, heard } = await started(t)
    const channels = Array.from({ length: 2500 }, freshChannel)
    const positions = await streams.subscribe(channels)
    t.equal(positions.length, 2500)
    const some = [channels[0], channels[999], channels[1000], channels[2499]] as string[]
    await Promise.all(some.map((channel) => post(streams, channel)))
    await until(() => heard.messages.length === some.length)
    t.same(new Set(heard.messages.map(({ channel }) => channel)), new Set(some))
    await streams.unsubscribe(channels)
  })

  t.test('a signal reaches the subscribers and leaves no trace', async (t) => {
    const { streams, heard } = await started(t)
    const channel = freshChannel()
    const [before] = await streams.subscribe([channel])
    const everyByte = Buffer.from(span(0, 255))
    await streams.signal(channel, everyByte, { exclude: ['one', 'two'] })
    await streams.signal(channel, Buffer.from('second'))
    await until(() => heard.signals.length === 2)
    t.equal(heard.signals[0]?.channel, channel)
    t.same(heard.signals[0]?.signal.exclude, ['one', 'two'])
    t.ok(heard.signals[0]?.signal.encoded.equals(everyByte))
    t.same({ ...heard.signals[1]?.signal }, { exclude: [], encoded: Buffer.from('second') })
    t.same((await streams.read(channel, { limit: 10 })).messages, [])
    t.same(await streams.tops([channel]), [before])
    t.equal(heard.messages.length, 0)
  })

  t.test('a signal to a channel that nobody has used does not create it', async (t) => {
    const { streams } = await started(t)
    const channel = freshChannel()
    await streams.signal(channel, Buffer.from('hi'))
    t.equal((await streams.read(channel, { limit: 1 })).top, undefined)
  })

  t.test('tops come in the order asked, and missing epochs are created', async (t) => {
    const { streams, heard } = await started(t)
    const [used, unused] = [freshChannel(), freshChannel()]
    const { position } = await post(streams, used, 'hi', { messageId: freshId() })
    const [first, second, third] = await streams.tops([unused, used, unused])
    t.match(second, { epoch: position.epoch, offset: 1 })
    t.equal(first?.offset, 0)
    t.same(third, first)
    t.not(first?.epoch, position.epoch)
    t.match((await post(streams, unused)).position, { epoch: first?.epoch, offset: 1 })
    t.same(await streams.tops([]), [])
    await post(streams, used, 'hi', { retention: { ...roomy, size: 1 } })
    t.match(await streams.tops([used, unused]), [{ offset: 2 }, { offset: 1 }])
    t.equal(heard.messages.length, 0, 'a look at the tops is no subscription')
  })
}
