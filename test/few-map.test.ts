import fc from 'fast-check'
import t from 'tap'
import { FewMap } from '../src/few-map.js'

t.test('it answers what a Map does, whatever came and went before', async (t) => {
  const key = fc.constantFrom('a', 'b', 'c')
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), key, value: fc.integer() }),
    fc.record({ kind: fc.constant('delete' as const), key })
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const [few, map] = [new FewMap<string, number>(), new Map<string, number>()]
      for (const step of steps) {
        if (step.kind === 'delete') t.equal(few.delete(step.key), map.delete(step.key))
        else few.set(step.key, step.value).set(step.key, step.value) && map.set(step.key, step.value)
        t.strictSame([few.size, [...few], [...few.keys()]], [map.size, [...map], [...map.keys()]])
        for (const key of ['a', 'b', 'c']) t.equal(few.get(key), map.get(key))
      }
    })
  )
})

t.test('what is in it may be taken out while it is gone through', async (t) => {
  for (const keys of [['a'], ['a', 'b', 'c']]) {
    const few = new FewMap<string, number>()
    for (const key of keys) few.set(key, 1)
    for (const [key] of few) few.delete(key)
    t.equal(few.size, 0)
  }
})
