import t from 'tap'
import { addTo, type Few, hasItem, itemsOf, removeFrom, sizeOf, withItem, withoutItem } from '../src/few.js'

t.test('items come and go in any number, each once and in the order in which they came', async (t) => {
  let few: Few<string>
  const look = () => [[...itemsOf(few)], sizeOf(few), hasItem(few, 'a')]
  t.strictSame(look(), [[], 0, false])
  few = withItem(withItem(few, 'a'), 'a')
  t.strictSame(look(), [['a'], 1, true])
  few = withItem(withItem(withItem(few, 'b'), 'c'), 'a')
  t.strictSame(look(), [['a', 'b', 'c'], 3, true])
  few = withoutItem(withoutItem(few, 'a'), 'nobody')
  t.strictSame(look(), [['b', 'c'], 2, false])
  few = withoutItem(withoutItem(few, 'c'), 'c')
  t.strictSame(look(), [['b'], 1, false])
  few = withoutItem(withoutItem(few, 'b'), 'b')
  t.strictSame(look(), [[], 0, false])
})

t.test('one by itself is kept as it is, also where others have left', async (t) => {
  t.equal(withItem(undefined, 'a'), 'a')
  t.equal(withoutItem(withItem(withItem(undefined, 'a'), 'b'), 'a'), 'b')
})

t.test('an index has no key under which there is nothing', async (t) => {
  const index = new Map<string, Few<object>>()
  const [one, two] = [{}, {}]
  for (const item of [one, two]) addTo(index, 'k', item)
  t.strictSame([...itemsOf(index.get('k'))], [one, two])
  for (const item of [one, two, two]) removeFrom(index, 'k', item)
  t.equal(index.size, 0)
})
