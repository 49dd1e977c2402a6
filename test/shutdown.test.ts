import t from 'tap'
import { Shutdown } from '../src/shutdown.js'
import { ManualClock } from './support/manual-clock.js'

function signalled() {
  const clock = new ManualClock()
  const done: string[] = []
  const shutdown = new Shutdown(clock.monotonic, { begin: () => done.push('begin'), hurry: () => done.push('hurry') })
  return { clock, done, shutdown }
}

t.test('the first signal begins the end', async (t) => {
  const { done, shutdown } = signalled()
  t.equal(shutdown.begun, false)
  shutdown.onSignal()
  t.equal(shutdown.begun, true)
  t.strictSame(done, ['begin'])
})

t.test('signals within two seconds are the same one', async (t) => {
  const { clock, done, shutdown } = signalled()
  shutdown.onSignal()
  shutdown.onSignal()
  clock.advance(1999)
  shutdown.onSignal()
  t.strictSame(done, ['begin'])
})

t.test('each that comes later hurries', async (t) => {
  const { clock, done, shutdown } = signalled()
  shutdown.onSignal()
  clock.advance(2000)
  shutdown.onSignal()
  shutdown.onSignal()
  t.strictSame(done, ['begin', 'hurry', 'hurry'])
})

t.test('what is done may change between two signals', async (t) => {
  const { clock, done, shutdown } = signalled()
  shutdown.onSignal()
  shutdown.steps = { begin: () => done.push('begin anew'), hurry: () => done.push('hurry the other') }
  clock.advance(5000)
  shutdown.onSignal()
  t.strictSame(done, ['begin', 'hurry the other'])
})
