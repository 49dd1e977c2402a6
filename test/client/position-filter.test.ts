import fc from 'fast-check'
import t from 'tap'
import { PositionFilter } from '../../client/src/position-filter.js'

const message = (epoch: string, offset: number) => ({
  type: 'chat_message',
  epoch,
  offset,
  message_id: `${epoch}${offset}`
})

/** A filter that stands at a position. */
function at(epoch: string, offset: number): PositionFilter {
  const filter = new PositionFilter()
  filter.begin({ epoch, offset })
  return filter
}

t.test('each message passes once', async (t) => {
  const filter = at('a', 2)
  t.strictSame(
    [1, 2, 3, 3, 4, 2].map((offset) => filter.accept(message('a', offset))),
    [false, false, true, false, true, false]
  )
  t.strictSame(filter.position, { epoch: 'a', offset: 4, message_id: 'a4' })
})

t.test('before anything was seen every message is new', async (t) => {
  const filter = new PositionFilter()
  t.equal(filter.position, undefined)
  t.ok(filter.accept(message('a', 7)))
  t.notOk(filter.accept(message('a', 7)))
})

t.test('offsets go on over a fork: what was seen before it stays seen', async (t) => {
  const filter = at('a', 5)
  t.ok(filter.accept(message('b', 6)))
  t.notOk(filter.accept(message('a', 5)))
  t.notOk(filter.accept(message('b', 6)))
  t.ok(filter.accept(message('b', 7)))
})

t.test('after a reset what lies beyond the fork is new, at lower offsets too', async (t) => {
  const filter = at('a', 10)
  filter.reset('b', 7)
  t.strictSame(filter.position, { epoch: 'b', offset: 7 })
  t.notOk(filter.accept(message('a', 7)))
  t.ok(filter.accept(message('b', 8)))
  t.notOk(filter.accept(message('b', 8)))
})

t.test('a history that was rolled back unnoticed is known by its epoch', async (t) => {
  const filter = at('a', 10)
  t.notOk(filter.accept(message('a', 6)), 'the connection stood at 5 and is sent again what still holds')
  t.ok(filter.accept(message('b', 8)))
  t.ok(filter.accept(message('b', 9)))
  t.notOk(filter.accept(message('b', 8)))
})

t.test('of a gap only what was not seen is told', async (t) => {
  t.strictSame(at('a', 5).skip('a', { from: 6, to: 9 }), { from: 6, to: 9 })
  t.strictSame(at('a', 5).skip('a', { from: 3, to: 9 }), { from: 6, to: 9 })
  t.equal(at('a', 5).skip('a', { from: 3, to: 5 }), undefined)
  t.equal(at('a', 5).skip('b', { from: 3, to: 5 }), undefined, 'the channel has forked since')
  const filter = at('a', 5)
  filter.skip('a', { from: 6, to: 9 })
  t.notOk(filter.accept(message('a', 9)))
  t.ok(filter.accept(message('a', 10)))
})

t.test('however two connections interleave, every message passes once and in order', async (t) => {
  const stream = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 })
  const property = fc.property(stream, fc.nat(10), (choices, head) => {
    // The old connection is some messages ahead of where the new one begins.
    const filter = at('a', 0)
    const passed: number[] = []
    const next = { old: 1, new: 1 }
    const take = (side: 'old' | 'new') => {
      const offset = next[side]++
      if (filter.accept(message('a', offset))) passed.push(offset)
    }
    for (let n = 0; n < head; n++) take('old')
    for (const choice of choices) take(choice ? 'old' : 'new')
    return passed.every((offset, index) => offset === index + 1) && passed.length === Math.max(next.old, next.new) - 1
  })
  t.doesNotThrow(() => fc.assert(property))
})

t.test('epochs are not remembered without end', async (t) => {
  const filter = new PositionFilter()
  for (let n = 1; n <= 100; n++) filter.accept(message(`e${n}`, n))
  t.ok(filter.accept(message('e1', 1)), 'the oldest is forgotten')
  t.notOk(filter.accept(message('e100', 1)))
})
