import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { storeUnavailable } from '../../src/errors.js'
import { Ingest } from '../../src/queue/ingest.js'
import type { IngestType } from '../../src/queue/ingest-types.js'
import { ManualClock } from '../support/manual-clock.js'
import { until } from '../support/until.js'
import { FakeIngestLog } from './fake-ingest-log.js'

/** An ingest over a log in memory; `work` is what its one type does with each entry. */
function create(t: Test, work: (n: number) => Promise<void>) {
  const log = new FakeIngestLog()
  const clock = new ManualClock()
  const errors: unknown[] = []
  const begun: number[] = []
  const type: IngestType = ({ message }) => ({
    lane: String(message.lane),
    run: async () => {
      begun.push(Number(message.n))
      await work(Number(message.n))
    }
  })
  const typeOf = (name: string) => (name === 'known' ? type : undefined)
  const ingest = new Ingest({ log, clock, typeOf, onError: (error) => errors.push(error) })
  t.teardown(() => {
    log.wake()
    const closing = ingest.close()
    clock.advance(1000)
    return closing
  })
  const add = (n: number, lane = 'a') => log.add({ type: 'known', n, lane })
  return { log, clock, errors, begun, ingest, add }
}

t.test('what the store does not take is tried until it does, and what comes later in the channel waits', async (t) => {
  let away = true
  const { log, clock, begun, ingest, add, errors } = create(t, async (n) => {
    if (n === 1 && away) throw storeUnavailable(new Error('away'))
  })
  add(1)
  const second = add(2)
  add(3, 'b')
  ingest.start()
  await until(() => begun.includes(3) && errors.length > 0)
  for (let round = 2; round < 10; round++) {
    clock.advance(500)
    await until(() => begun.filter((n) => n === 1).length === round)
  }
  t.notOk(begun.includes(2))
  t.equal(errors.length, 1, 'it is told once')
  t.equal(log.dead.length, 0)
  away = false
  clock.advance(500)
  await until(() => log.left.length === 0)
  t.equal(begun.at(-1), 2)
  t.equal(second, '2-0')
  t.equal(ingest.handled, 3)
})

t.test('an entry that was handled is not handled again while the store does not let it be deleted', async (t) => {
  const handled: number[] = []
  const { log, clock, ingest, add } = create(t, async (n) => {
    handled.push(n)
    log.away = storeUnavailable(new Error('away'))
  })
  add(1)
  ingest.start()
  await until(() => handled.length === 1)
  clock.advance(500)
  clock.advance(500)
  t.equal(log.left.length, 1)
  log.away = undefined
  clock.advance(500)
  await until(() => log.left.length === 0)
  t.strictSame(handled, [1])
})

t.test('a node whose lease is over hands out nothing more, and has what is left when it has it again', async (t) => {
  const ends: Array<() => void> = []
  const { log, clock, begun, ingest, add } = create(t, () => new Promise((resolve) => ends.push(resolve)))
  for (const n of [1, 2, 3]) add(n)
  ingest.start()
  await until(() => begun.length === 1)
  t.ok(ingest.active)
  log.taken = true
  clock.block(6000)
  t.notOk(ingest.active, 'by its own clock, without asking')
  ends[0]?.()
  await until(() => log.left.length === 2)
  log.wake()
  await until(() => log.reads > 2)
  t.strictSame(begun, [1])
  log.taken = false
  await until(() => {
    clock.advance(1500)
    return begun.length === 2
  })
  ends[1]?.()
  await until(() => begun.length === 3)
  ends[2]?.()
  await until(() => log.left.length === 0)
  t.strictSame(begun, [1, 2, 3], 'in order, and none twice')
})

t.test('what is still under way when the lease comes back is not begun again', async (t) => {
  const ends: Array<() => void> = []
  const { log, clock, begun, ingest, add } = create(t, () => new Promise((resolve) => ends.push(resolve)))
  for (const n of [1, 2]) add(n)
  ingest.start()
  await until(() => begun.length === 1)
  log.taken = true
  clock.advance(1500)
  await until(() => !ingest.active)
  log.wake()
  await turn()
  log.taken = false
  const { reads } = log
  await until(() => {
    clock.advance(1500)
    return log.reads >= reads + 3
  })
  ends[0]?.()
  await until(() => begun.length === 2)
  ends[1]?.()
  await until(() => log.left.length === 0)
  t.strictSame(begun, [1, 2])
  t.equal(ingest.handled, 2)
})

t.test('a lease that another took ends the reading', async (t) => {
  const { log, clock, begun, ingest, add } = create(t, async () => {})
  ingest.start()
  await until(() => log.reads === 2)
  log.taken = true
  clock.advance(1500)
  await until(() => !ingest.active)
  const { reads } = log
  add(1)
  for (let round = 0; round < 5; round++) {
    clock.advance(1500)
    await turn()
  }
  t.ok(log.reads <= reads + 1)
  t.strictSame(begun, [])
  t.equal(ingest.lag, 0)
})

t.test('no more is read ahead than can be held', async (t) => {
  const ends: Array<() => void> = []
  const { log, begun, ingest, add } = create(t, () => new Promise((resolve) => ends.push(resolve)))
  for (let n = 0; n < 1000; n++) add(n, `lane ${n}`)
  ingest.start()
  await until(() => log.reads === 2)
  await until(() => begun.length === 64)
  t.equal(log.reads, 2, 'one look at what is pending, one page')
  for (let done = 0; done < 1000; done++) {
    await until(() => ends.length > done)
    ends[done]?.()
  }
  await until(() => log.left.length === 0)
  t.strictSame(
    begun,
    Array.from({ length: 1000 }, (_, n) => n)
  )
})

t.test('an unexpected fault of a built-in type becomes a dead letter that tells nothing of the inside', async (t) => {
  const { log, ingest, add, errors } = create(t, async () => {
    throw new TypeError('secret of the inside')
  })
  add(1)
  ingest.start()
  await until(() => log.dead.length === 1)
  t.equal(log.dead[0]?.reason, 'internal: Internal error')
  t.match(errors, [{ message: 'secret of the inside' }])
  t.equal(ingest.dead, 1)
})

t.test('the end waits for what is under way, though not for long', async (t) => {
  let end = () => {}
  const { log, clock, begun, ingest, add } = create(t, () => new Promise((resolve) => (end = resolve)))
  add(1)
  add(2)
  ingest.start()
  await until(() => begun.length === 1)
  const closing = ingest.close()
  end()
  await closing
  t.ok(log.released)
  t.strictSame(log.left, ['2-0'], 'what was done is settled, what was not begun is left')

  const stuck = create(t, () => new Promise(() => {}))
  stuck.add(1)
  stuck.ingest.start()
  await until(() => stuck.begun.length === 1)
  const ended = stuck.ingest.close()
  stuck.clock.advance(1000)
  await ended
  t.ok(stuck.log.released)
  clock.advance(10_000)
  t.strictSame(begun, [1])
})
