import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { Lanes } from '../../src/queue/lanes.js'

/** Lanes whose work ends when the test says so. */
function heldLanes(lanesMax: number) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const lanes = new Lanes<string>(lanesMax, async (item) => {
    begun.push(item)
    await new Promise<void>((resolve) => ends.set(item, resolve))
  })
  const end = async (item: string) => {
    ends.get(item)?.()
    await turn()
  }
  return { lanes, begun, end }
}

t.test('items of one lane are done one after the other, lanes side by side', async (t) => {
  const { lanes, begun, end } = heldLanes(10)
  for (const item of ['a1', 'a2', 'b1', 'a3']) lanes.push(item.slice(0, 1), item)
  t.same(begun, ['a1', 'b1'])
  await end('a1')
  t.same(begun, ['a1', 'b1', 'a2'])
  await end('b1')
  await end('a2')
  t.same(begun, ['a1', 'b1', 'a2', 'a3'])
  t.equal(lanes.size, 1)
  await end('a3')
  t.equal(lanes.size, 0)
  lanes.push('a', 'a4')
  t.equal(begun.at(-1), 'a4', 'a lane that was empty begins at once')
})

t.test('no more lanes than allowed are busy, and a busy one gives way to those that wait', async (t) => {
  const { lanes, begun, end } = heldLanes(2)
  for (const item of ['a1', 'a2', 'b1', 'c1', 'a3']) lanes.push(item.slice(0, 1), item)
  t.same(begun, ['a1', 'b1'])
  await end('a1')
  t.same(begun, ['a1', 'b1', 'c1'])
  await end('b1')
  t.same(begun, ['a1', 'b1', 'c1', 'a2'])
  await end('a2')
  t.same(begun, ['a1', 'b1', 'c1', 'a2', 'a3'])
})

t.test('clearing drops what is not begun; what comes later waits for what is under way', async (t) => {
  const { lanes, begun, end } = heldLanes(1)
  for (const item of ['a1', 'a2', 'b1']) lanes.push(item.slice(0, 1), item)
  t.same(lanes.clear().sort(), ['a2', 'b1'])
  t.equal(lanes.size, 1)
  lanes.push('a', 'a4')
  lanes.push('b', 'b4')
  t.same(begun, ['a1'])
  await end('a1')
  await end('b4')
  await end('a4')
  t.same(begun.slice(1).sort(), ['a4', 'b4'])
  t.equal(lanes.size, 0)
})

t.test('one can wait until few enough are left', async (t) => {
  const { lanes, end } = heldLanes(10)
  let settled = false
  for (const item of ['a', 'b', 'c']) lanes.push(item, item)
  const waiting = lanes.settled(1).then(() => {
    settled = true
  })
  await end('a')
  t.equal(settled, false)
  await end('b')
  await waiting
  lanes.push('c', 'c2')
  lanes.clear()
  await lanes.settled(1)
})
