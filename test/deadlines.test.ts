import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Deadlines } from '../src/deadlines.js'
import { ManualClock } from './support/manual-clock.js'

t.test('waits are over in their order, each after its own time', async (t) => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock, 100)
  const over: string[] = []
  deadlines.begin(() => over.push('first'))
  clock.advance(40)
  deadlines.begin(() => over.push('second'))
  const end = deadlines.begin(() => over.push('never'))
  end()
  clock.advance(60)
  await nextTurn()
  t.strictSame(over, ['first'])
  clock.advance(39)
  await nextTurn()
  t.strictSame(over, ['first'])
  clock.advance(1)
  await nextTurn()
  t.strictSame(over, ['first', 'second'])
  deadlines.begin(() => over.push('third'))
  clock.advance(100)
  await nextTurn()
  t.strictSame(over, ['first', 'second', 'third'])
})

t.test('what is not answered in time is refused, and a failure is told as it is', async (t) => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock, 100)
  t.equal(await deadlines.bound(Promise.resolve(1)), 1)
  await t.rejects(deadlines.bound(Promise.reject(new Error('no'))), { message: 'no' })
  const late = deadlines.bound(new Promise(() => {}))
  clock.advance(100)
  await t.rejects(late, { code: 'store_unavailable', retryAfterMs: 1000 })
})

t.test('a process that was held up hears first what came meanwhile', async (t) => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock, 100)
  const over: string[] = []
  deadlines.begin(() => over.push('one'))
  clock.block(5000)
  await nextTurn()
  t.strictSame(over, [], 'its time begins anew')
  clock.advance(99)
  await nextTurn()
  t.strictSame(over, [])
  clock.advance(1)
  await nextTurn()
  t.strictSame(over, ['one'])
})

t.test('all that wait can be ended at once', async (t) => {
  const deadlines = new Deadlines(new ManualClock(), 100)
  const over: number[] = []
  for (const n of [1, 2]) deadlines.begin(() => over.push(n))
  deadlines.endAll()
  deadlines.endAll()
  t.strictSame(over, [1, 2])
})
