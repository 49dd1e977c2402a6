import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { KeyedTask } from '../../src/groups/keyed-task.js'

interface Run {
  readonly key: string
  readonly isStale: () => boolean
  readonly end: () => void
}

/** A task whose runs end when the test says so. */
function held() {
  const runs: Run[] = []
  const task = new KeyedTask(
    (key, isStale) =>
      new Promise((resolve) => {
        runs.push({ key, isStale, end: resolve })
      })
  )
  const request = (key = 'ann') => {
    const request = { done: false }
    void task.request(key).then(() => {
      request.done = true
    })
    return request
  }
  return { task, runs, request }
}

t.test('a request resolves when its run has ended', async (t) => {
  const { task, runs, request } = held()
  const one = request()
  t.same(task.keys(), ['ann'])
  await nextTurn()
  t.equal(runs.length, 1)
  t.equal(one.done, false)
  t.equal(runs[0]?.isStale(), false)
  runs[0]?.end()
  await nextTurn()
  t.equal(one.done, true)
  t.same(task.keys(), [])
  t.equal(runs.length, 1)
})

t.test('requests that come before the run begins share it', async (t) => {
  const { runs, request } = held()
  const requests = [request(), request(), request()]
  await nextTurn()
  runs[0]?.end()
  await nextTurn()
  t.equal(runs.length, 1)
  t.ok(requests.every(({ done }) => done))
})

t.test('whoever asks during a run waits for one that began later, and there is one at a time', async (t) => {
  const { runs, request } = held()
  request()
  await nextTurn()
  const [late, later] = [request(), request()]
  t.equal(runs[0]?.isStale(), true, 'the first may end early')
  await nextTurn()
  t.equal(runs.length, 1, 'not beside it')
  runs[0]?.end()
  await nextTurn()
  t.equal(runs.length, 2)
  t.equal(runs[1]?.isStale(), false)
  t.notOk(late.done || later.done, 'the run before may not have seen it')
  runs[1]?.end()
  await nextTurn()
  t.ok(late.done && later.done)
  t.equal(runs.length, 2, 'one run for both')
})

t.test('a request in the moment in which a run ends is not lost', async (t) => {
  for (let hops = 0; hops < 12; hops++) {
    const { task, runs, request } = held()
    request()
    await nextTurn()
    runs[0]?.end()
    for (let hop = 0; hop < hops; hop++) await undefined
    const late = request()
    await nextTurn()
    t.equal(runs.length, 2, `${hops} steps after the end`)
    runs[1]?.end()
    await nextTurn()
    t.equal(late.done, true)
    t.same(task.keys(), [])
  }
})

t.test('keys do not wait for each other', async (t) => {
  const { task, runs, request } = held()
  const [ann, bob] = [request('ann'), request('bob')]
  await nextTurn()
  t.same(task.keys(), ['ann', 'bob'])
  t.same(
    runs.map(({ key }) => key),
    ['ann', 'bob']
  )
  request('ann')
  t.equal(runs[1]?.isStale(), false)
  runs[1]?.end()
  await nextTurn()
  t.equal(bob.done, true)
  t.equal(ann.done, false)
  t.same(task.keys(), ['ann'])
})
