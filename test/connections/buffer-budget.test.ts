import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { BufferBudget } from '../../src/connections/buffer-budget.js'
import { fakeConnection } from '../support/fake-transport.js'
import { ManualClock } from '../support/manual-clock.js'

const MAX = 1000

/** Connections for which so many bytes wait. */
function setUp(t: Test, waiting: readonly number[], bytesMax = MAX) {
  const clock = new ManualClock()
  const budget = new BufferBudget({ bytesMax, clock })
  t.teardown(() => budget.close())
  const all = waiting.map((bytes) => {
    const { connection, transport } = fakeConnection()
    transport.bufferedBytes = bytes
    if (bytes > 0) budget.note(connection)
    return { connection, transport }
  })
  const closed = () => all.map(({ transport }) => transport.closedWith)
  return { clock, budget, all, closed }
}

t.test('within the budget nobody is closed', async (t) => {
  const { clock, budget, closed } = setUp(t, [400, 0, 600])
  clock.advance(100)
  t.strictSame(closed(), [undefined, undefined, undefined])
  t.equal(budget.bytes, MAX)
})

t.test('over it those for whom most waits are closed with 4003, no more than needed', async (t) => {
  const { clock, budget, all, closed } = setUp(t, [400, 900, 300, 800])
  clock.advance(100)
  t.strictSame(closed(), [undefined, 4003, undefined, 4003])
  t.equal(budget.bytes, 700)
  t.notOk(all[1]?.transport.isCut, 'it may still hear why')
  clock.advance(900)
  t.strictSame(closed(), [undefined, 4003, undefined, 4003], 'what waits for those counts no more')
  clock.advance(100)
  t.strictSame(
    all.map(({ transport }) => transport.isCut),
    [false, true, false, true]
  )
})

t.test('what waits for one that was closed closes nobody else', async (t) => {
  const { clock, all, closed } = setUp(t, [100, 950])
  clock.advance(100)
  t.strictSame(closed(), [undefined, 4003])
  const [left] = all
  if (left !== undefined) left.transport.bufferedBytes = 980
  clock.advance(900)
  t.strictSame(closed(), [undefined, 4003])
})

t.test('who has taken everything, or is gone, is not looked at any more', async (t) => {
  const { clock, budget, all, closed } = setUp(t, [600, 600, 600])
  const [one, two] = all
  if (one !== undefined) one.transport.bufferedBytes = 0
  if (two !== undefined) budget.forget(two.connection)
  clock.advance(100)
  t.strictSame(closed(), [undefined, undefined, undefined])
  t.equal(budget.bytes, 600)
})

t.test('without a budget nothing is counted', async (t) => {
  const { clock, budget, closed } = setUp(t, [1e12], 0)
  clock.advance(1000)
  t.strictSame(closed(), [undefined])
  t.equal(budget.bytes, 0)
})

t.test('a connection whose socket does not take everything is told of', async (t) => {
  let told = 0
  const { connection, transport } = fakeConnection({ onBacklog: () => told++ })
  connection.outbox.pushPayload(Buffer.from('taken'))
  await nextTurn()
  t.equal(told, 0)
  transport.stuck = true
  connection.outbox.pushPayload(Buffer.from('waits'))
  await nextTurn()
  t.equal(told, 1)
})
