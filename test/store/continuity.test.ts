import fc from 'fast-check'
import t from 'tap'
import {
  continuityOf,
  emptyPage,
  type Fork,
  gapBetween,
  isAnotherMessage,
  judgePosition,
  type StreamState
} from '../../src/store/continuity.js'

/** What happens to a channel: messages are stored, or its store is rolled back by some messages and forks. */
const history = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('store' as const), count: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('fork' as const), count: fc.nat(6) }) }
  ),
  { maxLength: 15 }
)

interface Model {
  readonly state: StreamState
  /** Every position that was ever given out. */
  readonly given: Array<{ epoch: string; offset: number }>
  /** Whether the message at this position is in the history yet. */
  holds(epoch: string, offset: number): boolean
}

/** Plays the history on a list: entry n is the epoch of the message n + 1 that stands there now. */
function play(steps: ReadonlyArray<{ kind: 'store' | 'fork'; count: number }>): Model {
  let epochs: string[] = []
  let epoch = 'e0'
  const forks: Fork[] = []
  const given = [{ epoch, offset: 0 }]
  // The first message of each epoch, so that offset 0 and positions at a fork can be judged too.
  const begins = new Map([[epoch, 0]])
  for (const { kind, count } of steps) {
    if (kind === 'store') {
      for (let n = 0; n < count; n++) {
        epochs = [...epochs, epoch]
        given.push({ epoch, offset: epochs.length })
      }
      continue
    }
    // A roll-back never goes behind the last fork here: its epoch would be unknown to the store.
    epochs = epochs.slice(0, Math.max(epochs.length - count, begins.get(epoch) ?? 0))
    forks.push({ epoch, offset: epochs.length })
    epoch = `e${forks.length}`
    begins.set(epoch, epochs.length)
    given.push({ epoch, offset: epochs.length })
  }
  const holds = (of: string, offset: number) => offset <= (begins.get(of) ?? 0) || epochs[offset - 1] === of
  return { state: { epoch, top: epochs.length, forks }, given, holds }
}

t.test('a position is good as long as the message that it names stands where it stood', async (t) => {
  fc.assert(
    fc.property(history, (steps) => {
      const { state, given, holds } = play(steps)
      for (const position of given) {
        const verdict = judgePosition(state, position)
        t.equal(verdict.valid, holds(position.epoch, position.offset), JSON.stringify({ state, position }))
        if (verdict.valid) continue
        t.ok(verdict.holds < position.offset)
        t.ok(judgePosition(state, { ...position, offset: verdict.holds }).valid, 'what is said to hold does')
        t.notOk(judgePosition(state, { ...position, offset: verdict.holds + 1 }).valid, 'and nothing beyond')
      }
    }),
    { numRuns: 500 }
  )
})

t.test('a position above the top is void, and the top holds', async (t) => {
  const state = { epoch: 'now', top: 5, forks: [] }
  t.same(judgePosition(state, { epoch: 'now', offset: 6 }), { valid: false, holds: 5 })
  t.same(judgePosition(state, { epoch: 'now', offset: 5 }), { valid: true })
  t.same(judgePosition(state, { epoch: 'now', offset: 0 }), { valid: true })
})

t.test('a position of an unknown epoch is void, and nothing of it holds', async (t) => {
  const state = { epoch: 'now', top: 5, forks: [{ epoch: 'before', offset: 3 }] }
  for (const offset of [0, 3, 9]) t.same(judgePosition(state, { epoch: 'other', offset }), { valid: false, holds: 0 })
})

t.test('a position of an earlier epoch is good up to the lowest fork since', async (t) => {
  const forks = [
    { epoch: 'first', offset: 9 },
    { epoch: 'second', offset: 4 },
    { epoch: 'third', offset: 7 }
  ]
  const state = { epoch: 'now', top: 20, forks }
  for (const [epoch, holds] of [
    ['first', 4],
    ['second', 4],
    ['third', 7]
  ] as const) {
    t.same(judgePosition(state, { epoch, offset: holds }), { valid: true })
    t.same(judgePosition(state, { epoch, offset: holds + 1 }), { valid: false, holds })
  }
})

t.test('an offset alone is taken on trust', async (t) => {
  t.same(judgePosition({ epoch: 'now', top: 5, forks: [] }, { offset: 99 }), { valid: true })
})

t.test('a gap names exactly the offsets between a position and the oldest message', async (t) => {
  fc.assert(
    fc.property(fc.nat(50), fc.integer({ min: 1, max: 60 }), (after, oldest) => {
      const gone = Array.from({ length: 60 }, (_, index) => index).filter((n) => n > after && n < oldest)
      const gap = gapBetween(after, oldest)
      t.same(gap, gone.length === 0 ? undefined : { from: gone[0], to: gone.at(-1) })
    })
  )
})

t.test('a page tells reset before gap, and gap before contiguous', async (t) => {
  t.same(continuityOf({ valid: false, holds: 3 }, { offset: 1 }, 10), { continuity: 'reset', holds: 3 })
  t.same(continuityOf({ valid: true }, { offset: 1 }, 10), { continuity: 'gap', gap: { from: 2, to: 9 } })
  t.same(continuityOf({ valid: true }, { offset: 9 }, 10), { continuity: 'contiguous' })
  t.same(continuityOf({ valid: true }, { offset: 12 }, 10), { continuity: 'contiguous' })
  t.same(continuityOf({ valid: true }, undefined, 10), { continuity: 'contiguous' })
})

t.test('only a message that is there can be another one', async (t) => {
  const found = { epoch: 'e', offset: 3, messageId: 'mine', timestamp: 1, encoded: Buffer.alloc(0), exclude: [] }
  t.equal(isAnotherMessage({ offset: 3, messageId: 'mine' }, found), false)
  t.equal(isAnotherMessage({ offset: 3, messageId: 'other' }, found), true)
  t.equal(isAnotherMessage({ offset: 3 }, found), false)
  t.equal(isAnotherMessage({ offset: 3, messageId: 'other' }, undefined), false)
})

t.test('in a channel that nobody has used any epoch is void, and an offset alone is not', async (t) => {
  const empty = { top: undefined, oldest: 1, messages: [], hasMore: false }
  t.same(emptyPage(undefined), { ...empty, continuity: 'contiguous' })
  t.same(emptyPage({ offset: 5 }), { ...empty, continuity: 'contiguous' })
  t.same(emptyPage({ epoch: 'any', offset: 0 }), { ...empty, continuity: 'reset', holds: 0 })
})
