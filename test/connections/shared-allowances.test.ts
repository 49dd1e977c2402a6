import t from 'tap'
import { Allowances } from '../../src/connections/shared-allowances.js'
import { ManualClock } from '../support/manual-clock.js'

const rates = { messages: 10, messageBurst: 20, bytes: 0, deliveries: 0 }

t.test('what is used up outlives its connections, and what is whole is forgotten', async (t) => {
  const clock = new ManualClock()
  const users = new Allowances(rates, clock, false)
  users.of('busy').take(20, 0)
  users.of('there').connections++
  const [busy, there] = [users.of('busy'), users.of('there')]
  for (let n = 0; n < 998; n++) users.of(`user ${n}`)
  t.equal(users.size, 1000)
  users.of('one more')
  t.equal(users.size, 3, 'who is there, who is busy, and the new one')
  t.equal(users.of('busy'), busy)
  clock.advance(2000)
  for (let n = 0; n < 2000; n++) users.of(`later ${n}`)
  t.not(users.of('busy'), busy)
  t.equal(users.of('there'), there)
})

t.test('what was used is told once', async (t) => {
  const users = new Allowances(rates, new ManualClock(), true)
  users.of('alice').take(1, 10)
  users.of('alice').take(5, 7)
  users.of('bob').takeDeliveries(7)
  users.of('carol').charge(0, { messages: 1, bytes: 1, deliveries: 1 })
  t.strictSame(users.drainUsage(), [
    ['alice', { messages: 6, bytes: 17, deliveries: 0 }],
    ['bob', { messages: 0, bytes: 0, deliveries: 7 }]
  ])
  t.strictSame(users.drainUsage(), [])
  users.of('alice').take(1, 0)
  t.strictSame(users.drainUsage(), [['alice', { messages: 1, bytes: 0, deliveries: 0 }]])
})
