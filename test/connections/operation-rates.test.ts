import t from 'tap'
import { type Operating, OperationRates } from '../../src/connections/operation-rates.js'

const connection = (): Operating => ({ operationTimes: undefined })

t.test('as many come at once as messages do, then a fifth of their rate flows in', async (t) => {
  const rates = new OperationRates({ messages: 50, messageBurst: 3 })
  const one = connection()
  for (let n = 0; n < 3; n++) t.equal(rates.take(one, 5000, 'join'), 0)
  t.equal(rates.take(one, 5000, 'join'), 100, 'tells how long until there is one')
  t.equal(rates.take(one, 5099, 'join'), 1)
  t.equal(rates.take(one, 5100, 'join'), 0)
  t.equal(rates.take(one, 5100, 'join'), 100)
  for (let n = 0; n < 3; n++) t.equal(rates.take(one, 60_000, 'join'), 0, 'never more than the burst is saved up')
  t.equal(rates.take(one, 60_000, 'join'), 100)
})

t.test('each operation and each connection has its own', async (t) => {
  const rates = new OperationRates({ messages: 100, messageBurst: 1 })
  const one = connection()
  t.equal(rates.take(one, 0, 'join'), 0)
  t.equal(rates.take(one, 0, 'join'), 50)
  t.equal(rates.take(one, 0, 'read'), 0)
  t.equal(rates.take(connection(), 0, 'join'), 0)
  for (let n = 0; n < 10; n++) t.equal(rates.take(one, 0, 'authenticate'), 0, 'ten, whatever the burst of messages is')
  t.equal(rates.take(one, 0, 'authenticate'), 200)
})

t.test('a rate that divides no second counts as exactly', async (t) => {
  for (const messages of [3, 7, 30, 70, 170]) {
    const rates = new OperationRates({ messages, messageBurst: 1000 })
    const one = connection()
    for (let n = 0; n < 1000; n++) t.equal(rates.take(one, 123, 'read'), 0)
    const waitMs = rates.take(one, 123, 'read')
    t.equal(waitMs, Math.ceil(5000 / messages - 1e-6))
    t.equal(rates.take(one, 123 + waitMs, 'read'), 0)
  }
})

t.test('no rate means no limit, and nothing is kept', async (t) => {
  const rates = new OperationRates({ messages: 0, messageBurst: 1 })
  const one = connection()
  for (let n = 0; n < 1000; n++) t.equal(rates.take(one, 0, 'authenticate'), 0)
  t.equal(one.operationTimes, undefined)
})
