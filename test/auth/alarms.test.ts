import t from 'tap'
import { Alarms } from '../../src/auth/alarms.js'
import { ManualClock } from '../support/manual-clock.js'

const START = Date.UTC(2026, 0, 1)

function setUp() {
  const clock = new ManualClock(START)
  const rung: string[] = []
  return { clock, rung, alarms: new Alarms<string>(clock, (item) => rung.push(item)) }
}

t.test('each rings once, within a second of its time', async (t) => {
  const { clock, rung, alarms } = setUp()
  alarms.set('b', START + 3000)
  alarms.set('a', START + 1500)
  alarms.set('c', START + 3000)
  clock.advance(1000)
  t.strictSame(rung, [], 'never too early')
  clock.advance(1000)
  t.strictSame(rung, ['a'])
  clock.advance(1000)
  t.strictSame(rung, ['a', 'b', 'c'])
  clock.advance(60_000)
  t.equal(rung.length, 3)
})

t.test('one that is set anew or deleted does not ring for the time before', async (t) => {
  const { clock, rung, alarms } = setUp()
  alarms.set('moved', START + 2000)
  alarms.set('moved', START + 5000)
  alarms.set('gone', START + 2000)
  alarms.delete('gone')
  alarms.delete('gone')
  clock.advance(4000)
  t.strictSame(rung, [])
  clock.advance(1000)
  t.strictSame(rung, ['moved'])
})

t.test('one for a time that is over rings with the next second', async (t) => {
  const { clock, rung, alarms } = setUp()
  alarms.set('past', START - 5000)
  alarms.set('now', START)
  clock.advance(1000)
  t.strictSame(rung.sort(), ['now', 'past'])
})

t.test('one that is set while another rings is for later', async (t) => {
  const clock = new ManualClock(START)
  const rung: number[] = []
  const alarms: Alarms<string> = new Alarms(clock, (item) => {
    rung.push(clock.now() - START)
    if (rung.length < 3) alarms.set(item, START)
  })
  alarms.set('again', START)
  clock.advance(10_000)
  t.strictSame(rung, [1000, 2000, 3000])
})

t.test('one that is set while others of its second ring is for later, too', async (t) => {
  const clock = new ManualClock(START)
  const rung: string[] = []
  const alarms: Alarms<string> = new Alarms(clock, (item) => {
    rung.push(item)
    if (rung.length < 4) alarms.set(item, START)
  })
  for (const item of ['a', 'b']) alarms.set(item, START)
  clock.advance(1000)
  t.strictSame(rung, ['a', 'b'])
  clock.advance(1000)
  t.strictSame(rung, ['a', 'b', 'a', 'b'])
})

t.test('the wall clock counts, also where it is set forward or back', async (t) => {
  const { clock, rung, alarms } = setUp()
  alarms.set('soon', START + 10_000)
  alarms.set('late', START + 100_000_000)
  clock.jump(-5000)
  clock.advance(10_000)
  t.strictSame(rung, [])
  alarms.set('sooner', START + 6000)
  clock.advance(5000)
  t.strictSame(rung, ['sooner', 'soon'])
  clock.jump(200_000_000)
  clock.advance(1000)
  t.strictSame(rung, ['sooner', 'soon', 'late'])
})

t.test('a process that was held up rings what was due meanwhile', async (t) => {
  const { clock, rung, alarms } = setUp()
  for (let second = 1; second <= 5; second++) alarms.set(`${second}`, START + second * 1000)
  clock.block(3000)
  t.strictSame(rung, ['1', '2', '3'])
})

t.test('also the only one, in the very second in which it goes on', async (t) => {
  const { clock, rung, alarms } = setUp()
  alarms.set('only', START + 3000)
  clock.block(3000)
  t.strictSame(rung, ['only'])
})

t.test('nothing rings after the end, and without alarms there is no timer', async (t) => {
  const { clock, rung, alarms } = setUp()
  alarms.close()
  const other = setUp()
  other.alarms.set('a', START + 1000)
  other.alarms.close()
  clock.advance(5000)
  other.clock.advance(5000)
  t.strictSame([...rung, ...other.rung], [])
})
