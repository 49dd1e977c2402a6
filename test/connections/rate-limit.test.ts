import t from 'tap'
import { FaultCounter, TokenBucket } from '../../src/connections/rate-limit.js'

t.test('a bucket gives its burst at once and then as much as flows in', async (t) => {
  const bucket = new TokenBucket(10, 3, 0)
  t.strictSame(
    [0, 0, 0].map(() => bucket.take(0)),
    [0, 0, 0]
  )
  t.equal(bucket.take(0), 100, 'tells how long until there is one')
  t.ok(bucket.take(90) > 0)
  t.equal(bucket.take(101), 0)
  t.ok(bucket.take(101) > 0)
  for (let n = 0; n < 3; n++) t.equal(bucket.take(60_000), 0, 'never more than the burst is saved up')
  t.ok(bucket.take(60_000) > 0)
})

t.test('no rate means no limit', async (t) => {
  const bucket = new TokenBucket(0, 1, 0)
  for (let n = 0; n < 1000; n++) t.equal(bucket.take(0), 0)
})

t.test('faults count within their window only', async (t) => {
  const counter = new FaultCounter(3, 10_000)
  t.strictSame(
    [0, 1, 10_000, 10_001].map((now) => counter.add(now)),
    [false, false, false, false]
  )
  t.equal(counter.add(10_002), true)
})
