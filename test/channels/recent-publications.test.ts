import fc from 'fast-check'
import t from 'tap'
import type { Publication } from '../../src/channels/publication.js'
import { RECENT_MAX, RecentPublications } from '../../src/channels/recent-publications.js'
import { span } from '../store/hearing.js'
import { ManualClock } from '../support/manual-clock.js'

const everything = { size: 100_000, ttlMs: Number.POSITIVE_INFINITY }

function publication(offset: number, { epoch = 'e1', messageId = `m${offset}`, bytes = 2 } = {}): Publication {
  return { epoch, offset, messageId, timestamp: offset, exclude: [], payload: Buffer.alloc(bytes) }
}

function run(from: number, to: number): Publication[] {
  return span(from, to).map((offset) => publication(offset))
}

function held(from = 1, to = 0): RecentPublications {
  const recent = new RecentPublications(new ManualClock(), everything)
  recent.hold('holder' as unknown as object)
  for (const one of run(from, to)) recent.add(one)
  return recent
}

function offsetsAfter(recent: RecentPublications, offset: number): number[] | undefined {
  return recent.after(offset)?.map((one) => one.offset)
}

t.test('nothing is kept while nobody catches up', async (t) => {
  const clock = new ManualClock()
  const recent = new RecentPublications(clock, everything)
  const [one, two] = [{}, {}]
  recent.add(publication(1))
  recent.fill(run(1, 3), undefined, 3)
  t.equal(recent.after(0), undefined)
  recent.hold(one)
  recent.hold(one)
  recent.hold(two)
  recent.add(publication(2))
  recent.release(one)
  t.same(offsetsAfter(recent, 1), [2], 'another still needs it')
  recent.release(one)
  recent.release(two)
  clock.advance(1999)
  recent.add(publication(3))
  t.same(offsetsAfter(recent, 1), [2, 3], 'and a moment longer, for those who come next')
  clock.advance(1)
  recent.tidy()
  t.equal(recent.after(1), undefined)
  recent.add(publication(4))
  t.equal(recent.after(3), undefined)
})

t.test('a position that the store has found good is known from then on', async (t) => {
  const recent = held()
  recent.fill([], { epoch: 'e1', offset: 7, messageId: 'm7' }, 7)
  const following = (offset: number, messageId?: string) =>
    recent.following({ epoch: 'e1', offset, messageId })?.map((one) => one.offset)
  t.same(following(7, 'm7'), [], 'nothing came since')
  t.equal(following(7, 'another'), undefined)
  t.equal(following(6), undefined)
  recent.add(publication(8))
  t.same(following(7, 'm7'), [8])
  recent.fill(run(3, 7), { epoch: 'e1', offset: 2 }, 8)
  t.same(following(2), [3, 4, 5, 6, 7, 8])
  t.equal(following(2, 'm2'), undefined, 'which message that was nobody has looked at')
})

t.test('what the channel does not keep any more is not served', async (t) => {
  const clock = new ManualClock(100)
  const recent = new RecentPublications(clock, { size: 3, ttlMs: 50 })
  recent.hold(t)
  for (const offset of span(96, 100)) recent.add(publication(offset))
  t.same(offsetsAfter(recent, 97), [98, 99, 100])
  t.equal(recent.after(96), undefined, 'by number')
  t.equal(recent.following({ epoch: 'e1', offset: 96 }), undefined)
  clock.advance(48)
  t.equal(recent.after(97), undefined, 'by age')
  t.same(offsetsAfter(recent, 98), [99, 100])
})

t.test('what follows on a position is answered where it begins here', async (t) => {
  const recent = held(5, 9)
  t.same(offsetsAfter(recent, 4), [5, 6, 7, 8, 9])
  t.same(offsetsAfter(recent, 7), [8, 9])
  t.same(offsetsAfter(recent, 9), [])
  t.equal(recent.after(3), undefined, 'the first of it is not here')
})

t.test('a position that has to be checked is answered where its message is here', async (t) => {
  const recent = held(5, 9)
  const following = (offset: number, epoch: string | undefined = 'e1', messageId?: string) =>
    recent.following({ offset, epoch, messageId })?.map((one) => one.offset)
  t.same(following(7), [8, 9])
  t.same(following(7, 'e1', 'm7'), [8, 9])
  t.same(following(9), [])
  t.equal(following(4), undefined, 'one before the first may be of another history')
  t.equal(following(10), undefined)
  t.equal(following(7, 'e2'), undefined)
  t.equal(following(7, 'e1', 'm8'), undefined)
  t.equal(recent.following({ offset: 7 }), undefined, 'without an epoch')
})

t.test('a message that comes again changes nothing, and a hole begins anew', async (t) => {
  const recent = held(5, 7)
  recent.add(publication(6))
  t.same(offsetsAfter(recent, 4), [5, 6, 7])
  recent.add(publication(9))
  t.equal(recent.after(4), undefined)
  t.same(offsetsAfter(recent, 8), [9])
})

t.test('a run of the log is taken where it links up', async (t) => {
  const before = held(5, 7)
  before.fill(run(2, 4), undefined, 7)
  t.same(offsetsAfter(before, 1), [2, 3, 4, 5, 6, 7])
  const over = held(5, 7)
  over.fill(run(3, 9), undefined, 7)
  t.same(offsetsAfter(over, 2), [3, 4, 5, 6, 7, 8, 9])
  const apart = held(5, 7)
  apart.fill(run(1, 3), undefined, 7)
  t.same(offsetsAfter(apart, 4), [5, 6, 7], 'the fourth is missing')
  t.equal(apart.after(0), undefined)
  const alone = held()
  alone.fill(run(1, 6), undefined, 7)
  t.equal(alone.after(0), undefined, 'it does not reach what this node has heard')
  alone.fill(run(2, 7), undefined, 7)
  t.same(offsetsAfter(alone, 1), [2, 3, 4, 5, 6, 7])
})

t.test('a run that begins beyond what is here leaves no hole', async (t) => {
  const recent = held(5, 6)
  recent.fill(run(9, 12), undefined, 6)
  for (const offset of span(0, 13)) {
    const following = offsetsAfter(recent, offset)
    if (following !== undefined) t.same(following, span(offset + 1, offset + following.length), `after ${offset}`)
  }
})

t.test('no more is kept than bounds allow, and the newest of it', async (t) => {
  const many = held(1, RECENT_MAX + 50)
  t.equal(many.after(49), undefined)
  t.equal(many.after(50)?.length, RECENT_MAX)
  many.fill(run(1, 60), undefined, RECENT_MAX + 50)
  t.equal(many.after(49), undefined)
  t.equal(many.after(50)?.length, RECENT_MAX)
  const large = held()
  for (const offset of span(1, 20)) large.add(publication(offset, { bytes: 1_000_000 }))
  t.equal(large.after(15), undefined)
  t.same(offsetsAfter(large, 16), [17, 18, 19, 20])
})

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('live' as const), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant('jump' as const), count: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ kind: fc.constant('unheard' as const), count: fc.integer({ min: 1, max: 400 }) }),
    fc.record({
      kind: fc.constant('fill' as const),
      from: fc.integer({ min: -400, max: 60 }),
      length: fc.integer({ min: 0, max: 300 })
    }),
    fc.record({ kind: fc.constant('clear' as const) }),
    fc.record({ kind: fc.constant('fork' as const), lost: fc.integer({ min: 0, max: 20 }) })
  ),
  { maxLength: 30 }
)

t.test('whatever comes in, what is answered has no hole, no repeat and no message of another history', async (t) => {
  fc.assert(
    fc.property(steps, (steps) => {
      const recent = held()
      const log: Publication[] = []
      let heard = 0
      let epoch = 1
      const append = (count: number) => {
        for (let index = 0; index < count; index++) log.push(publication(log.length + 1, { epoch: `e${epoch}` }))
      }
      for (const step of steps) {
        if (step.kind === 'live') append(step.count)
        // Read by a repair that told a gap: what is here is cleared, and the node stands beyond.
        if (step.kind === 'jump') {
          append(step.count)
          recent.clear()
          heard = log.length
        }
        // Stored, and on its way to this node.
        if (step.kind === 'unheard') append(step.count)
        // The node clears what is here when it learns of another epoch; what it has heard may be lost, too.
        if (step.kind === 'fork') {
          epoch++
          log.length = Math.max(log.length - step.lost, 0)
          heard = Math.min(heard, log.length)
          recent.clear()
        }
        if (step.kind === 'clear') recent.clear()
        if (step.kind === 'live') {
          for (; heard < log.length; heard++) recent.add(log[heard] as Publication)
        }
        if (step.kind === 'fill') {
          const from = Math.max(heard + step.from, 0)
          const before = log[from - 1]
          const start = before && { epoch: before.epoch, offset: before.offset, messageId: before.messageId }
          recent.fill(log.slice(from, from + step.length), start, heard)
        }
        holds(recent, log)
      }
    }),
    { numRuns: 2000 }
  )
  t.pass('2,000 histories')
})

function holds(recent: RecentPublications, log: readonly Publication[]): void {
  for (let offset = Math.max(log.length - 700, 0); offset <= log.length; offset++) {
    const position = log[offset - 1]
    for (const following of [recent.after(offset), position && recent.following(position)]) {
      following?.forEach((one, index) => {
        if (one !== log[offset + index]) throw new Error(`${one.offset} at ${index} after ${offset}`)
      })
    }
    const other = position && recent.following({ ...position, epoch: 'other' })
    if (other !== undefined) throw new Error(`a position of another epoch at ${offset}`)
  }
}
