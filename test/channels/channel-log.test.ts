import fc from 'fast-check'
import t from 'tap'
import { ChannelLog, REPLAY_MAX, type Replay } from '../../src/channels/channel-log.js'
import { publicationOf } from '../../src/channels/publication.js'
import { RECENT_MAX, RecentPublications } from '../../src/channels/recent-publications.js'
import type { After, Position } from '../../src/store/streams.js'
import { span } from '../store/hearing.js'
import { ManualClock } from '../support/manual-clock.js'
import { FakeLog } from './fake-log.js'

/** The log of a channel with so many messages, of which this node has heard all, or as many as it says. */
function setUp(count: number, heardUpTo = count) {
  const stored = new FakeLog()
  const recent = new RecentPublications(new ManualClock(), { size: 100_000, ttlMs: Number.POSITIVE_INFINITY })
  recent.hold(stored)
  let heard: Position | undefined = { epoch: 'e1', offset: heardUpTo }
  const log = new ChannelLog(stored.read, recent, () => heard)
  for (const offset of span(1, count)) stored.append(`${offset}`)
  /** The next messages reach this node. */
  const hear = (upTo: number) => {
    for (const message of stored.messages.filter(({ offset }) => offset > (heard?.offset ?? 0) && offset <= upTo)) {
      recent.add(publicationOf(message))
      heard = { epoch: message.epoch, offset: message.offset }
    }
  }
  const end = () => {
    heard = undefined
  }
  return { stored, recent, log, hear, end }
}

function offsetsOf({ publications }: Replay): number[] {
  return publications.map(({ offset }) => offset)
}

/** What is wrong with an answer; undefined where nothing is. */
function faultOf({ epoch, messages, oldest }: FakeLog, after: After, page: Replay): string | undefined {
  const isVoid = after.epoch !== undefined && after.epoch !== epoch
  if (isVoid) return page.continuity === 'reset' ? undefined : `${page.continuity} after a void position`
  if (page.continuity === 'reset') return 'a reset of a good position'
  const from = page.gap === undefined ? after.offset + 1 : page.gap.to + 1
  if (page.gap !== undefined && page.gap.to >= oldest) return 'a gap over what is there'
  for (const [index, one] of page.publications.entries()) {
    if (one.offset !== from + index) return `${one.offset} at ${index} after ${after.offset}`
    const stored = messages.find(({ offset }) => offset === one.offset)
    if (stored?.messageId !== one.messageId || stored.epoch !== one.epoch) return `another message at ${one.offset}`
  }
  const last = page.publications.at(-1)?.offset ?? from - 1
  return !page.hasMore && last < (page.top?.offset ?? 0) ? `it ends at ${last}, and says that this is all` : undefined
}

t.test('a thousand readers at two hundred places cost a handful of reads', async (t) => {
  const { stored, log } = setUp(1000)
  const places = span(1, 1000).map((index) => ({ epoch: 'e1', offset: 1000 - (index % 200) }))
  const pages = await Promise.all(places.map((after) => log.after(after)))
  t.ok(stored.reads <= 3, `${stored.reads} reads`)
  for (const [index, page] of pages.entries()) {
    const { offset } = places[index] ?? { offset: 0 }
    const fault = faultOf(stored, { offset, epoch: 'e1' }, page)
    if (fault !== undefined) t.fail(fault)
    if (page.publications.length < Math.min(1000 - offset, REPLAY_MAX)) t.fail(`too little after ${offset}`)
  }
})

t.test('a storm costs no more while messages keep coming', async (t) => {
  const { stored, log, hear } = setUp(1000)
  const asked: Array<Promise<Replay>> = []
  for (const wave of span(0, 9)) {
    for (const index of span(1, 100)) asked.push(log.after({ epoch: 'e1', offset: 1000 + wave - (index % 200) }))
    stored.append(`${1001 + wave}`)
    hear(1001 + wave)
    await new Promise(setImmediate)
  }
  await Promise.all(asked)
  t.ok(stored.reads <= 5, `${stored.reads} reads`)
})

t.test('places that are far back or void are read once where they are the same', async (t) => {
  const { stored, log } = setUp(2000)
  const far = [10, 20, 30].map((offset) => ({ epoch: 'e1', offset }))
  const gone = [1990, 5000].map((offset) => ({ epoch: 'void', offset }))
  const places = span(1, 500).map((index) => [...far, ...gone][index % 5] as Position)
  const pages = await Promise.all(places.map((after) => log.after(after)))
  // The newest were tried, and the first was answered before anyone else could share it.
  t.ok(stored.reads <= far.length + gone.length + 2, `${stored.reads} reads`)
  for (const [index, page] of pages.entries()) {
    const fault = faultOf(stored, places[index] ?? { offset: 0 }, page)
    if (fault !== undefined) t.fail(fault)
  }
})

t.test('the newest are read once for all who ask for as many', async (t) => {
  const { stored, log } = setUp(1000)
  const pages = await Promise.all(span(1, 300).map((index) => log.newest([5, 50, 500][index % 3] ?? 0)))
  t.ok(stored.reads <= 6, `${stored.reads} reads`)
  t.same(offsetsOf(pages[2] as Replay), span(996, 1000))
  t.same(offsetsOf(pages[0] as Replay), span(951, 1000))
  t.same(offsetsOf(pages[1] as Replay), span(501, 500 + REPLAY_MAX), 'the first page of them')
  t.equal(pages[1]?.hasMore, true)
})

t.test('places that only look alike are not taken for each other', async (t) => {
  const { stored, log } = setUp(2000)
  // Epochs and message ids of clients may hold anything.
  const alike: After[] = [
    { offset: 5, epoch: 'e1', messageId: 'm5 x' },
    { offset: 5, epoch: 'e1 m5', messageId: 'x' },
    { offset: 5, epoch: 'e1' },
    { offset: 5, epoch: 'e1 undefined' },
    { offset: 5, epoch: 'e1', messageId: 'undefined' },
    { offset: 5, epoch: 'undefined' },
    { offset: 5 }
  ]
  const pages = await Promise.all([log.after({ offset: 1 }), ...alike.map((after) => log.after(after))])
  for (const [index, after] of alike.entries()) {
    t.equal(faultOf(stored, after, pages[index + 1] as Replay), undefined, JSON.stringify(after))
  }
})

t.test('a read that fails fails for those who asked, and the next is made anew', async (t) => {
  const { stored, log } = setUp(10)
  stored.failing = true
  for (const asked of [log.after({ offset: 3 }), log.after({ offset: 3 }), log.newest(2)]) await t.rejects(asked)
  stored.failing = false
  t.same(offsetsOf(await log.after({ epoch: 'e1', offset: 3 })), span(4, 10))
  t.same(offsetsOf(await log.newest(2)), [9, 10])
})

t.test('a page that reads further than this node has heard leaves no hole in what is known', async (t) => {
  const { stored, log, hear } = setUp(6)
  await log.after({ epoch: 'e1', offset: 4 })
  for (const offset of span(7, RECENT_MAX + 50)) stored.append(`${offset}`)
  // One from ahead of this node, who heard the rest elsewhere.
  await log.after({ epoch: 'e1', offset: 200 })
  for (const offset of [4, 5, 6, 7, 199, 200, 201, 250]) {
    const page = await log.after({ epoch: 'e1', offset })
    t.equal(faultOf(stored, { epoch: 'e1', offset }, page), undefined, `after ${offset}`)
  }
  hear(RECENT_MAX + 50)
  const page = await log.after({ epoch: 'e1', offset: 6 })
  t.equal(faultOf(stored, { epoch: 'e1', offset: 6 }, page), undefined)
})

t.test('a node that does not hear the channel answers from the store alone', async (t) => {
  const { stored, log, end } = setUp(50)
  end()
  for (const again of [1, 2]) {
    t.same(offsetsOf(await log.after({ epoch: 'e1', offset: 40 })), span(41, 50))
    t.equal(stored.reads, again)
  }
})

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ kind: fc.constant('hear' as const), count: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ kind: fc.constant('trim' as const), count: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ kind: fc.constant('clear' as const) }),
    fc.record({ kind: fc.constant('wait' as const) }),
    fc.record({
      kind: fc.constant('ask' as const),
      back: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 5 }),
      epoch: fc.constantFrom('e1', 'e1', 'e1', 'void')
    })
  ),
  { maxLength: 25 }
)

t.test('whatever comes in between, no answer has a hole, a repeat or a message of another history', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const { stored, recent, log, hear } = setUp(0)
      const faults: string[] = []
      const asked: Array<Promise<void>> = []
      let heard = 0
      let top = 0
      for (const step of steps) {
        if (step.kind === 'append') for (const _ of span(1, step.count)) top = stored.append('x').offset
        if (step.kind === 'hear') {
          heard = Math.min(heard + step.count, top)
          // What was trimmed before it was heard is a gap to the node: it clears what it has, and stands beyond.
          if (stored.oldest > heard + 1 - step.count) recent.clear()
          hear(heard)
        }
        if (step.kind === 'trim') stored.trim(Math.min(stored.oldest + step.count, top + 1))
        if (step.kind === 'clear') recent.clear()
        if (step.kind === 'wait') await new Promise(setImmediate)
        if (step.kind !== 'ask') continue
        for (const back of step.back) {
          const after = { epoch: step.epoch, offset: Math.max(top - back, 0) }
          asked.push(log.after(after).then((page) => note(faults, stored, after, page)))
        }
      }
      await Promise.all(asked)
      if (faults.length > 0) throw new Error(faults.join('; '))
    }),
    { numRuns: 500 }
  )
  t.pass('500 histories')
})

function note(faults: string[], stored: FakeLog, after: After, page: Replay): void {
  // What was trimmed since it was read was there then.
  const oldest = Math.min(stored.oldest, page.publications[0]?.offset ?? stored.oldest)
  const gone = page.publications.filter(({ offset }) => offset < stored.oldest)
  const messages = [
    ...gone.map(({ payload, ...one }) => ({ ...one, encoded: payload, timestamp: 0 })),
    ...stored.messages
  ]
  const then = Object.assign(new FakeLog(), { epoch: stored.epoch, oldest, messages })
  const fault = faultOf(then, after, page)
  if (fault !== undefined) faults.push(fault)
}

t.test('who is ahead of this node stays where it is, however often it asks', async (t) => {
  const { log } = setUp(7, 3)
  for (const time of ['first', 'second']) {
    const { top, publications } = await log.after({ epoch: 'e1', offset: 7 })
    t.match({ top, publications }, { top: { epoch: 'e1', offset: 7 }, publications: [] }, `the ${time} time`)
  }
})
