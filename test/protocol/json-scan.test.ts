import fc from 'fast-check'
import t from 'tap'
import { scanJsonObject } from '../../src/protocol/json-scan.js'

/** Levels of nesting, the slow way. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

const content = fc.jsonValue({ maxDepth: 6 })
/** Keys that look like structure, and the one that is looked for, at every level. */
const key = fc.oneof(fc.constantFrom('content', 'type', '"', '\\', '{', '}:,', 'con\\u0074ent', ''), fc.string())
const object = fc.dictionary(key, content, { maxKeys: 8 }).filter((fields) => !Object.hasOwn(fields, '__proto__'))
const spaces = fc.constantFrom(0, 1, 4, '\t')

t.test('the value under a key is the text that parses to it', (t) => {
  fc.assert(
    fc.property(object, content, spaces, (fields, value, space) => {
      const whole = { ...fields, content: value }
      const scan = scanJsonObject(JSON.stringify(whole, null, space), 'content')
      t.strictSame(JSON.parse(scan.value ?? '"none"'), JSON.parse(JSON.stringify(value)))
      t.equal(scan.value, scan.value?.trim(), 'without white space around it')
    }),
    { numRuns: 1000 }
  )
  t.end()
})

t.test('without the key at the top there is no value, wherever else it stands', (t) => {
  fc.assert(
    fc.property(object, spaces, (fields, space) => {
      const { content: _, ...others }: Record<string, unknown> = {
        ...fields,
        inner: { content: 1 },
        list: [{ content: 2 }],
        text: '"content":3'
      }
      t.equal(scanJsonObject(JSON.stringify(others, null, space), 'content').value, undefined)
    }),
    { numRuns: 500 }
  )
  t.end()
})

t.test('the depth is what a recursive measure says', (t) => {
  fc.assert(
    fc.property(object, spaces, (fields, space) => {
      t.equal(scanJsonObject(JSON.stringify(fields, null, space), 'content').depth, depthOf(fields))
    }),
    { numRuns: 1000 }
  )
  t.equal(scanJsonObject(`{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, 'a').depth, 20_001)
  t.end()
})

t.test('of a key that stands twice the last one is the value, as JSON.parse takes it', (t) => {
  fc.assert(
    fc.property(content, content, (one, two) => {
      const text = `{"content":${JSON.stringify(one)},"x":{"content":0},"content" : ${JSON.stringify(two)} }`
      const { value = '"none"' } = scanJsonObject(text, 'content')
      t.strictSame(JSON.parse(value), JSON.parse(text).content)
    })
  )
  t.end()
})

t.test('numbers and texts stay as they were written', (t) => {
  for (const written of [
    '12345678901234567890',
    '1.0',
    '-0',
    '1E400',
    '"\\u0041\\/"',
    '"\\\\"',
    '"\\""',
    '""',
    '[ 1 , 2 ]'
  ]) {
    t.equal(scanJsonObject(`{ "a" : "x" , "content" : ${written} , "b" : 1 }`, 'content').value, written)
  }
  t.equal(scanJsonObject('{"\\u0063ontent":1}', 'content').value, '1', 'a key may be written with escapes')
  t.equal(scanJsonObject('{}', 'content').value, undefined)
  t.end()
})

t.test('a text of nothing but backslashes and quotes takes no time', (t) => {
  const tricky = JSON.stringify({ a: '\\'.repeat(32_000), b: '"'.repeat(32_000), content: 1 })
  const begun = performance.now()
  t.equal(scanJsonObject(tricky, 'content').value, '1')
  t.ok(performance.now() - begun < 100)
  t.end()
})
