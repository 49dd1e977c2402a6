import t from 'tap'
import { Allowance, timesRates } from '../../src/connections/allowance.js'

const rates = { messages: 10, messageBurst: 3, bytes: 100, deliveries: 50 }

t.test('messages come at once up to the burst, then as they flow in', async (t) => {
  const allowance = new Allowance(rates, 0)
  for (let n = 0; n < 3; n++) {
    t.equal(allowance.shortFor(0), undefined)
    allowance.take(1, 0)
  }
  t.equal(allowance.shortFor(0), 'messages')
  t.equal(allowance.waitMs('messages'), 100)
  t.equal(allowance.shortFor(99), 'messages')
  t.equal(allowance.shortFor(101), undefined)
  for (let n = 0; n < 3; n++) {
    t.equal(allowance.shortFor(60_000), undefined, 'never more than the burst is saved up')
    allowance.take(1, 0)
  }
  t.equal(allowance.shortFor(60_000), 'messages')
})

t.test('a message that is larger than all there is goes through, and the next one waits', async (t) => {
  const allowance = new Allowance(rates, 0)
  t.equal(allowance.shortFor(0), undefined)
  allowance.take(1, 300)
  t.equal(allowance.shortFor(0), 'bytes')
  t.equal(allowance.waitMs('bytes'), 1001, 'two seconds of bytes were there')
  t.equal(allowance.shortFor(1000), 'bytes')
  t.equal(allowance.shortFor(1001), undefined)
})

t.test('nobody owes more than half a minute', async (t) => {
  const allowance = new Allowance(rates, 0)
  allowance.takeDeliveries(1e9)
  t.notOk(allowance.mayDeliver(0))
  t.equal(allowance.waitMs('deliveries'), 30_001)
  t.notOk(allowance.mayDeliver(30_000))
  t.ok(allowance.mayDeliver(30_001))
  const charged = new Allowance(rates, 0)
  charged.charge(0, { messages: 1e9, bytes: 1e9, deliveries: 1e9 })
  t.equal(charged.shortFor(30_000), 'messages')
  t.equal(charged.shortFor(30_101), undefined)
})

t.test('no rate is no limit', async (t) => {
  const allowance = new Allowance({ messages: 0, messageBurst: 1, bytes: 0, deliveries: 0 }, 0)
  allowance.take(1e6, 1e12)
  allowance.takeDeliveries(1e12)
  allowance.charge(0, { messages: 1e12, bytes: 1e12, deliveries: 1e12 })
  t.equal(allowance.shortFor(1), undefined)
  t.ok(allowance.mayDeliver(1))
  t.ok(allowance.isWhole(1))
})

t.test('it is whole again when all of it has flown in', async (t) => {
  const allowance = new Allowance(timesRates(rates, 2), 0)
  t.ok(allowance.isWhole(0))
  allowance.take(1, 0)
  t.notOk(allowance.isWhole(0))
  t.ok(allowance.isWhole(51))
  allowance.takeDeliveries(100)
  t.notOk(allowance.isWhole(999))
  t.ok(allowance.isWhole(1052))
})

t.test('who may do as much as so many connections may do so of everything', async (t) => {
  t.strictSame(timesRates(rates, 3), { messages: 30, messageBurst: 9, bytes: 300, deliveries: 150 })
})

t.test(
  'who has sent more than a quarter of what may come at once sends in a burst, until it has come in again',
  async (t) => {
    const allowance = new Allowance({ ...rates, messages: 10, messageBurst: 8 }, 0)
    allowance.take(2, 0)
    t.notOk(allowance.isBursting)
    allowance.take(1, 0)
    t.ok(allowance.isBursting)
    t.equal(allowance.shortFor(100), undefined)
    t.notOk(allowance.isBursting)
    const unlimited = new Allowance({ ...rates, messages: 0 }, 0)
    unlimited.take(1000, 0)
    t.notOk(unlimited.isBursting)
  }
)
