import t from 'tap'
import { Pace } from '../../src/channels/pace.js'
import { ManualClock } from '../support/manual-clock.js'

function setUp(restMs: number) {
  const clock = new ManualClock()
  const ran: number[] = []
  const begun = clock.monotonic()
  const pace = new Pace(clock, restMs, () => ran.push(clock.monotonic() - begun))
  return { clock, pace, ran }
}

t.test('without a rest it runs at each call', async (t) => {
  const { pace, ran } = setUp(0)
  for (let call = 0; call < 3; call++) pace.ask()
  t.strictSame(ran, [0, 0, 0])
})

t.test('the first call runs at once, and those within the rest run together at its end', async (t) => {
  const { clock, pace, ran } = setUp(10)
  for (let call = 0; call < 25; call++) {
    pace.ask()
    clock.advance(1)
  }
  t.strictSame(ran, [0, 10, 20])
  clock.advance(100)
  t.strictSame(ran, [0, 10, 20, 30], 'once more for the last ones')
  pace.ask()
  t.strictSame(ran, [0, 10, 20, 30, 125])
})
