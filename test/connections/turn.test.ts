import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { Turn, type TurnWork } from '../../src/connections/turn.js'
import { ManualClock } from '../support/manual-clock.js'

/** Work that takes so long; what ran when. */
function setUp() {
  const clock = new ManualClock()
  const begun = clock.monotonic()
  const turn = new Turn(clock)
  const ran: Array<[name: string, atMs: number]> = []
  const work = (name: string, tookMs = 0, slices = 1): TurnWork => ({
    endTurn() {
      ran.push([name, clock.monotonic() - begun])
      clock.advance(tookMs)
      return --slices > 0
    }
  })
  return { clock, turn, ran, work }
}

t.test('first the channels, then the connections, once a turn', async (t) => {
  const { turn, ran, work } = setUp()
  const [channel, connection] = [work('channel'), work('connection')]
  for (let time = 0; time < 3; time++) {
    turn.write(connection)
    turn.fanOut(channel)
  }
  t.strictSame(ran, [])
  await nextTurn()
  t.strictSame(ran, [
    ['channel', 0],
    ['connection', 0]
  ])
})

t.test('after a long turn the channels rest for a moment, and the connections do not', async (t) => {
  const { clock, turn, ran, work } = setUp()
  turn.fanOut(work('long', 10))
  await nextTurn()
  const next = work('next')
  turn.fanOut(next)
  turn.write(work('answer'))
  await nextTurn()
  turn.fanOut(next)
  await nextTurn()
  clock.advance(1)
  await nextTurn()
  t.strictSame(ran, [
    ['long', 0],
    ['answer', 10]
  ])
  clock.advance(1)
  await nextTurn()
  t.strictSame(ran.slice(2), [['next', 12]], 'what came meanwhile goes out together')
})

t.test('what comes when the rest is over leaves at once, and after a short turn there is none', async (t) => {
  const { clock, turn, ran, work } = setUp()
  turn.fanOut(work('long', 10))
  await nextTurn()
  clock.advance(2)
  turn.fanOut(work('later', 0.5))
  await nextTurn()
  turn.fanOut(work('short', 2))
  await nextTurn()
  t.strictSame(ran.slice(1), [
    ['later', 12],
    ['short', 12.5]
  ])
})

t.test('what is not done in one turn goes on in the next', async (t) => {
  const { turn, ran, work } = setUp()
  turn.fanOut(work('slice', 10, 3))
  for (let time = 0; time < 3; time++) await nextTurn()
  t.strictSame(
    ran.map(([, atMs]) => atMs),
    [0, 10, 20]
  )
})
