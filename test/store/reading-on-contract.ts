import type { Test } from 'tap'
import { fill, freshChannel, Hearing, offsetsOf, roomy, span } from './hearing.js'
import type { CreateStreams } from './streams-contract.js'

/** How a page follows on a position: contiguous, gap or reset. */
export function testContinuity(t: Test, createStreams: CreateStreams): void {
  /** A channel with messages 1 to 10, of which the newest `size` are kept. */
  const filled = async (t: Test, size = 1000) => {
    const { streams } = await createStreams(t)
    await streams.start(new Hearing())
    const channel = freshChannel()
    const published = await fill(streams, channel, 10, { retention: { ...roomy, size } })
    const positions = published.map(({ position }) => position)
    return { streams, channel, positions, epoch: positions[0]?.epoch ?? '' }
  }

  t.test('a position at the top is contiguous, and nothing follows it', async (t) => {
    const { streams, channel, positions } = await filled(t)
    for (const after of [positions[9], { ...positions[9], messageId: undefined }]) {
      const page = await streams.read(channel, { after: after as { offset: number }, limit: 10 })
      t.same(
        { ...page, top: page.top?.offset },
        { top: 10, oldest: page.oldest, messages: [], hasMore: false, continuity: 'contiguous' }
      )
    }
  })

  t.test('a position below the top is contiguous, and the rest follows it', async (t) => {
    const { streams, channel, positions, epoch } = await filled(t)
    for (const after of [positions[3], { epoch, offset: 4 }]) {
      const page = await streams.read(channel, { after: after as { offset: number }, limit: 4 })
      t.same(offsetsOf(page.messages), [5, 6, 7, 8])
      t.match(page, { continuity: 'contiguous', hasMore: true })
      t.equal(page.gap, undefined)
    }
  })

  t.test('offset 0 of the present epoch is good', async (t) => {
    const { streams, channel, epoch } = await filled(t)
    const page = await streams.read(channel, { after: { epoch, offset: 0 }, limit: 10 })
    t.same(offsetsOf(page.messages), span(1, 10))
    t.match(page, { continuity: 'contiguous', hasMore: false })
    t.match(await streams.read(channel, { after: { epoch, offset: 0, messageId: 'x' }, limit: 10 }), {
      continuity: 'contiguous'
    })
  })

  t.test('a position whose followers were trimmed is told exactly what is gone', async (t) => {
    const { streams, channel, positions, epoch } = await filled(t, 4)
    const page = await streams.read(channel, { after: { epoch, offset: 2 }, limit: 2 })
    t.same(offsetsOf(page.messages), [7, 8])
    t.match(page, { continuity: 'gap', gap: { from: 3, to: 6 }, hasMore: true })
    const fromStart = await streams.read(channel, { after: { epoch, offset: 0 }, limit: 10 })
    t.match(fromStart, { continuity: 'gap', gap: { from: 1, to: 6 }, hasMore: false })
    const offsetAlone = await streams.read(channel, { after: { offset: 5 }, limit: 10 })
    t.match(offsetAlone, { continuity: 'gap', gap: { from: 6, to: 6 } })
    // The message at the position itself is gone, yet nothing after it is.
    const edge = await streams.read(channel, { after: positions[5] as { offset: number }, limit: 10 })
    t.match(edge, { continuity: 'contiguous' })
    t.same(offsetsOf(edge.messages), [7, 8, 9, 10])
  })

  t.test('a position above the top is reset to the top, and all that is kept follows', async (t) => {
    const { streams, channel, epoch } = await filled(t, 4)
    const page = await streams.read(channel, { after: { epoch, offset: 11 }, limit: 10 })
    t.same(offsetsOf(page.messages), [7, 8, 9, 10])
    t.match(page, { continuity: 'reset', holds: 10, hasMore: false })
  })

  t.test('a position of an unknown epoch is reset to 0, and all that is kept follows', async (t) => {
    const { streams, channel } = await filled(t, 4)
    for (const epoch of ['unknown', '%', ' ', ':', 'a b', '\u{1f600}', '__proto__']) {
      for (const offset of [0, 8, 500]) {
        const page = await streams.read(channel, { after: { epoch, offset }, limit: 3 })
        t.same(offsetsOf(page.messages), [7, 8, 9], `${epoch} ${offset}`)
        t.match(page, { continuity: 'reset', holds: 0, hasMore: true, top: { offset: 10 } })
        t.equal(page.gap, undefined)
      }
    }
  })

  t.test('a position at which another message stands is reset to 0', async (t) => {
    const { streams, channel, epoch } = await filled(t)
    for (const offset of [4, 10]) {
      const page = await streams.read(channel, { after: { epoch, offset, messageId: 'another' }, limit: 10 })
      t.same(offsetsOf(page.messages), span(1, 10))
      t.match(page, { continuity: 'reset', holds: 0, hasMore: false })
    }
  })

  t.test('a void position with limit 0 is told so', async (t) => {
    const { streams, channel } = await filled(t)
    const page = await streams.read(channel, { after: { epoch: 'unknown', offset: 3 }, limit: 0 })
    t.match(page, { continuity: 'reset', holds: 0, hasMore: true, messages: [] })
  })

  t.test('any position with an epoch is void in a channel that nobody has used', async (t) => {
    const { streams } = await filled(t)
    for (const offset of [0, 5]) {
      const page = await streams.read(freshChannel(), { after: { epoch: 'earlier', offset }, limit: 10 })
      t.same(page, { top: undefined, oldest: 1, messages: [], hasMore: false, continuity: 'reset', holds: 0 })
    }
  })

  t.test('a reader that goes from page to page sees every message once', async (t) => {
    const { streams, channel, epoch } = await filled(t)
    for (const limit of [1, 3, 10]) {
      const seen: number[] = []
      let after = { epoch, offset: 0 }
      for (let more = true; more && seen.length < 20; ) {
        const page = await streams.read(channel, { after, limit })
        if (page.messages.length === 0) break
        seen.push(...offsetsOf(page.messages))
        after = { epoch, offset: seen.at(-1) ?? 0 }
        more = page.hasMore
      }
      t.same(seen, span(1, 10), `forwards by ${limit}`)
      const back: number[] = []
      let before: number | undefined
      for (let more = true; more && back.length < 20; ) {
        const page = await streams.read(channel, { before, limit })
        if (page.messages.length === 0) break
        back.unshift(...offsetsOf(page.messages))
        before = back[0]
        more = page.hasMore
      }
      t.same(back, span(1, 10), `backwards by ${limit}`)
    }
  })
}
