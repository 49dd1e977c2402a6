import t from 'tap'
import { HandshakeBudget } from '../../src/connections/handshake-budget.js'
import type { RoomcastError } from '../../src/errors.js'
import { ManualClock } from '../support/manual-clock.js'

function budgetOf(perSecond: number) {
  const clock = new ManualClock()
  const budget = new HandshakeBudget({ perSecond, clock })
  /** 0 where it was taken in, else after how many milliseconds to come back. */
  const knock = () => {
    try {
      budget.take()
      return 0
    } catch (error) {
      const { code, statusCode, retryAfterMs = 0 } = error as RoomcastError
      t.match({ code, statusCode }, { code: 'overloaded', statusCode: 503 })
      return retryAfterMs
    }
  }
  const knocks = (count: number) => Array.from({ length: count }, knock)
  const taken = (count: number) => knocks(count).filter((retryAfterMs) => retryAfterMs === 0).length
  return { clock, budget, knocks, taken }
}

t.test('without a limit everybody is taken in', async (t) => {
  const { budget, taken } = budgetOf(0)
  t.equal(taken(10_000), 10_000)
  budget.chargeFresh()
  t.equal(taken(1), 1)
})

t.test('twice as many come back in a second as come anew', async (t) => {
  const back = budgetOf(10)
  t.equal(back.taken(100), 20)
  back.clock.advance(1000)
  t.equal(back.taken(100), 20)
  back.clock.advance(500)
  t.equal(back.taken(100), 10)

  const anew = budgetOf(10)
  let taken = 0
  for (let ms = 0; ms < 10_000; ms += 50) {
    if (anew.taken(1) === 1) {
      anew.budget.chargeFresh()
      taken++
    }
    anew.clock.advance(50)
  }
  t.ok(taken >= 100 && taken <= 111, `${taken} in ten seconds, and the first second's worth`)
})

t.test('what is not used in a second is not saved', async (t) => {
  const { clock, taken } = budgetOf(10)
  clock.advance(60_000)
  t.equal(taken(100), 20)
})

t.test('fresh ones that begin late hold the door up for a second or two at most', async (t) => {
  const { clock, budget, taken } = budgetOf(10)
  for (let count = 0; count < 1000; count++) budget.chargeFresh()
  t.equal(taken(1), 0)
  clock.advance(1000)
  t.equal(taken(1), 0)
  clock.advance(50)
  t.equal(taken(1), 1)
})

t.test('a herd that comes back when it is told to is let in one after the other', async (t) => {
  const { clock, knocks } = budgetOf(10)
  let waiting = knocks(200).filter((retryAfterMs) => retryAfterMs > 0)
  t.equal(waiting.length, 180)
  t.equal(new Set(waiting).size, 180, 'each is told a time of its own')
  let turnedAway = 0
  while (waiting.length > 0) {
    const [first = 0] = waiting
    clock.advance(first)
    turnedAway += knocks(1)[0] === 0 ? 0 : 1
    waiting = waiting.slice(1).map((retryAfterMs) => retryAfterMs - first)
  }
  t.equal(turnedAway, 0)
})

t.test('nobody is sent away for more than 30 s, and a herd that is too large still comes back spread', async (t) => {
  const { knocks } = budgetOf(10)
  const waits = knocks(5000).filter((retryAfterMs) => retryAfterMs > 0)
  t.ok(Math.max(...waits) <= 30_000, `${Math.max(...waits)}`)
  const perSecond = new Map<number, number>()
  for (const wait of waits) perSecond.set(Math.floor(wait / 1000), (perSecond.get(Math.floor(wait / 1000)) ?? 0) + 1)
  t.ok(Math.max(...perSecond.values()) <= 200, 'no second gets much more than its share of 166')
})
