import t from 'tap'
import { RetryQueue } from '../../src/presence/retry-queue.js'
import { ManualClock } from '../support/manual-clock.js'
import { until } from '../support/until.js'

function setUp() {
  const clock = new ManualClock()
  const errors: unknown[] = []
  const queue = new RetryQueue(clock, (error) => errors.push(error))
  /** Lets the next round come, until something is so. */
  const rounds = (done: () => boolean) =>
    until(() => {
      clock.advance(1000)
      return done()
    })
  return { clock, errors, queue, rounds }
}

const away = () => Promise.reject(new Error('away'))

t.test('a task is tried at once, and again until it succeeds', async (t) => {
  const { errors, queue, rounds } = setUp()
  let tries = 0
  await queue.run('a', async () => {
    tries++
    if (tries < 4) await away()
  })
  t.equal(tries, 1)
  t.equal(errors.length, 1, 'told once')
  await rounds(() => queue.size === 0)
  t.equal(tries, 4)
  await rounds(() => true)
  t.equal(tries, 4)
})

t.test('of tasks under one key only the latest waits', async (t) => {
  const { queue, rounds } = setUp()
  const done: string[] = []
  let isAway = true
  const run = (key: string, name: string) =>
    queue.run(key, async () => {
      if (isAway) await away()
      done.push(name)
    })
  for (let time = 0; time < 1000; time++) await run('a', `a${time}`)
  await run('b', 'b')
  t.equal(queue.size, 2)
  isAway = false
  await rounds(() => queue.size === 0)
  t.same(done.sort(), ['a999', 'b'])
})

t.test('one that succeeds makes what waited under its key void', async (t) => {
  const { queue, rounds } = setUp()
  let tries = 0
  await queue.run('a', async () => {
    tries++
    await away()
  })
  await queue.run('a', async () => {})
  t.equal(queue.size, 0)
  await rounds(() => true)
  t.equal(tries, 1)
})

for (const outcome of ['succeeds', 'fails'] as const) {
  t.test(
    `a task that is overtaken while it is tried again and then ${outcome} leaves the later one alone`,
    async (t) => {
      const { clock, queue, rounds } = setUp()
      let end = () => {}
      let first = 0
      await queue.run('a', async () => {
        first++
        if (first === 1) await away()
        await new Promise<void>((resolve, reject) => {
          end = () => (outcome === 'succeeds' ? resolve() : reject(new Error('away')))
        })
      })
      clock.advance(1000)
      await until(() => first === 2)
      let second = 0
      await queue.run('a', async () => {
        second++
        if (second === 1) await away()
      })
      end()
      await rounds(() => queue.size === 0)
      t.equal(first, 2)
      t.equal(second, 2)
    }
  )
}

t.test('a first try that fails after a later task did leaves the later one alone', async (t) => {
  const { queue, rounds } = setUp()
  const fail: Array<() => void> = []
  const done: string[] = []
  const run = (name: string) => {
    let tries = 0
    return queue.run('a', async () => {
      tries++
      if (tries === 1) await new Promise<void>((_resolve, reject) => fail.push(() => reject(new Error('away'))))
      done.push(name)
    })
  }
  const [earlier, later] = [run('earlier'), run('later')]
  fail[1]?.()
  await later
  fail[0]?.()
  await earlier
  await rounds(() => queue.size === 0)
  t.same(done, ['later'])
})

t.test('a first try that lasts is not made twice', async (t) => {
  const { clock, queue, rounds } = setUp()
  let [tries, end] = [0, () => {}]
  const lasting = queue.run('a', async () => {
    tries++
    await new Promise<void>((resolve) => {
      end = resolve
    })
  })
  let others = 0
  await queue.run('b', async () => {
    others++
    if (others < 3) await away()
  })
  await rounds(() => others === 3)
  clock.advance(1000)
  end()
  await lasting
  t.equal(tries, 1)
  t.equal(queue.size, 0)
})

t.test('tasks are tried again side by side, but not all at once', async (t) => {
  const { clock, queue } = setUp()
  let [isAway, running, most] = [true, 0, 0]
  const releases: Array<() => void> = []
  for (let number = 0; number < 1000; number++) {
    await queue.run(`task ${number}`, async () => {
      if (isAway) await away()
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => releases.push(resolve))
      running--
    })
  }
  isAway = false
  clock.advance(1000)
  await until(() => {
    for (const release of releases.splice(0)) release()
    return queue.size === 0
  })
  t.ok(most > 1 && most <= 100, `${most} at once`)
})

t.test('after the end nothing waits any more', async (t) => {
  const { clock, queue } = setUp()
  let tries = 0
  const task = async () => {
    tries++
    await away()
  }
  await queue.run('a', task)
  queue.close()
  await queue.run('b', task)
  t.equal(queue.size, 0)
  clock.advance(10_000)
  t.equal(tries, 2)
})
