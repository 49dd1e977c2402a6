import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Slices } from '../../src/connections/slices.js'

/** More than is done in a turn. */
const HERD = 100

t.test('what comes alone is done at once', (t) => {
  const done: number[] = []
  new Slices<number>((item) => done.push(item)).add(1)
  t.strictSame(done, [1])
  t.end()
})

t.test('of a herd some is done in each turn, in the order in which it came', async (t) => {
  const done: number[] = []
  const slices = new Slices<number>((item) => done.push(item))
  const herd = Array.from({ length: HERD }, (_, index) => index)
  for (const item of herd) slices.add(item)

  const atOnce = done.length
  t.ok(atOnce > 0 && atOnce < HERD)
  await nextTurn()
  t.ok(done.length > atOnce && done.length < HERD)
  while (done.length < HERD) await nextTurn()
  t.strictSame(done, herd)
})

t.test('what is added by the work itself waits for its turn as well', async (t) => {
  const done: number[] = []
  const slices: Slices<number> = new Slices<number>((item) => {
    done.push(item)
    if (item < HERD) slices.add(item + 1)
  })
  slices.add(1)
  t.ok(done.length < HERD)
  while (done.length < HERD) await nextTurn()
})
