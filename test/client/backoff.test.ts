import t from 'tap'
import { Backoff } from '../../client/src/backoff.js'

t.test('the range of the delay doubles from half a second up to 20 seconds', async (t) => {
  const backoff = new Backoff(() => 1)
  t.strictSame(
    Array.from({ length: 8 }, () => backoff.next()),
    [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]
  )
  backoff.reset()
  t.equal(backoff.next(), 500)
})

t.test('the jitter is full: any part of the range may be the delay', async (t) => {
  const numbers = [0, 0.5, 0.999]
  const backoff = new Backoff(() => numbers.shift() ?? 0)
  t.strictSame([backoff.next(), backoff.next(), backoff.next()], [0, 500, 1998])
})

t.test('a server that stays away for very long is still asked every 20 seconds at most', async (t) => {
  const backoff = new Backoff(() => 0.5)
  for (let attempt = 0; attempt < 2000; attempt++) backoff.next()
  t.equal(backoff.next(), 10_000)
})
