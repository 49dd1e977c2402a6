import t from 'tap'
import { soundPage } from '../../src/channels/sound-streams.js'
import type { Page, StoredMessage } from '../../src/store/streams.js'

const TOP = 5
const LIMIT = 10

function message(offset: number, text = '{"type":"chat_message"}'): StoredMessage {
  return { epoch: 'e', offset, timestamp: 0, messageId: `m${offset}`, exclude: [], encoded: Buffer.from(text) }
}

function page(messages: StoredMessage[], more: Partial<Page> = {}): Page {
  const top = { epoch: 'e', offset: TOP }
  return { top, oldest: 1, messages, hasMore: false, continuity: 'contiguous', ...more }
}

const after = (offset: number) => ({ after: { offset }, limit: LIMIT })
const bad = (offset: number) => message(offset, 'garbage')

/** What is left of a page: its offsets, and what it says besides. */
function leftOf(found: Page) {
  const { messages, continuity, gap, hasMore } = found
  return { offsets: messages.map(({ offset }) => offset), continuity, gap, hasMore }
}

t.test('a page that can be read is left as it is', async (t) => {
  const pages = [
    page([message(4), message(5)]),
    page([]),
    page([message(5)], { continuity: 'gap', gap: { from: 4, to: 4 } })
  ]
  for (const one of pages) t.equal(soundPage(one, after(3)), one)
  const newest = page([message(2), message(3)])
  t.equal(soundPage(newest, { before: 4, limit: LIMIT }), newest)
})

const contiguous = { continuity: 'contiguous', gap: undefined } as const

t.test('a page ends before what cannot be read, or is not there', async (t) => {
  for (const rest of [
    [bad(3), message(4), message(5)],
    [message(4), message(5)]
  ]) {
    const found = soundPage(page([message(1), message(2), ...rest]), after(0))
    t.strictSame(leftOf(found), { ...contiguous, offsets: [1, 2], hasMore: true })
  }
})

t.test('what cannot be read at its beginning is a gap', async (t) => {
  const cases: Array<
    [messages: StoredMessage[], gap: { from: number; to: number }, offsets: number[], hasMore: boolean]
  > = [
    [[bad(1), message(2), message(3), message(4), message(5)], { from: 1, to: 1 }, [2, 3, 4, 5], false],
    [[bad(1), bad(2), message(3), bad(4), message(5)], { from: 1, to: 2 }, [3], true],
    [[message(3), message(4)], { from: 1, to: 2 }, [3, 4], true],
    [[bad(1), bad(2)], { from: 1, to: 2 }, [], true],
    [[bad(1), bad(2), bad(3), bad(4), bad(5)], { from: 1, to: 5 }, [], false]
  ]
  for (const [messages, gap, offsets, hasMore] of cases) {
    t.strictSame(leftOf(soundPage(page(messages), after(0))), { continuity: 'gap', gap, offsets, hasMore })
  }
})

t.test('it goes on the gap before it', async (t) => {
  const found = soundPage(
    page([bad(3), message(4), message(5)], { continuity: 'gap', gap: { from: 1, to: 2 } }),
    after(0)
  )
  t.strictSame(leftOf(found), { continuity: 'gap', gap: { from: 1, to: 3 }, offsets: [4, 5], hasMore: false })
})

t.test('where more should follow and nothing does, all of it is a gap', async (t) => {
  const found = soundPage(page([], { hasMore: true }), after(2))
  t.strictSame(leftOf(found), { continuity: 'gap', gap: { from: 3, to: 5 }, offsets: [], hasMore: false })
})

t.test('of the newest, and after a reset, what can be read is left', async (t) => {
  const messages = [message(3), bad(4), message(5)]
  t.strictSame(leftOf(soundPage(page(messages), { limit: LIMIT })).offsets, [3, 5])
  t.strictSame(leftOf(soundPage(page(messages, { continuity: 'reset', holds: 0 }), after(9))).offsets, [3, 5])
})
