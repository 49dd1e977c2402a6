import t from 'tap'
import { encodeContent } from '../../src/http/content.js'

const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)

t.test('content of every kind is encoded as JSON', async (t) => {
  for (const content of [null, false, 0, '', 'x', [], {}, { a: [null, { b: '聊天\n"' }] }]) {
    t.equal(encodeContent(content, 1000), JSON.stringify(content))
  }
})

t.test('content may be as long as the limit, counted in bytes of its JSON', async (t) => {
  t.equal(encodeContent('x'.repeat(98), 100).length, 100)
  t.throws(() => encodeContent('x'.repeat(99), 100), { code: 'message_too_large', statusCode: 413 })
  t.throws(() => encodeContent('天'.repeat(33), 100), { code: 'message_too_large' })
  t.ok(encodeContent('天'.repeat(32), 100))
  t.throws(
    () => encodeContent('\n'.repeat(50), 100),
    { code: 'message_too_large' },
    'escapes count as they are written'
  )
})

t.test('nesting deeper than 64 levels, the message included, is refused', async (t) => {
  t.ok(encodeContent(nested(63), 100_000))
  for (const levels of [64, 65, 1000, 20_000]) {
    t.throws(() => encodeContent(nested(levels), 100_000), { code: 'invalid_message', statusCode: 400 }, `${levels}`)
  }
  t.ok(encodeContent('['.repeat(1000), 100_000), 'brackets in a text are no nesting')
  t.ok(encodeContent({ '[[': '"[{', a: ['\\"['] }, 100_000))
})

t.test('a number that JavaScript cannot hold is refused, and not stored as something else', async (t) => {
  for (const content of ['1e400', '-1e400', '[null,{"a":1e400}]', '{"null":[1e999]}']) {
    t.throws(() => encodeContent(JSON.parse(content), 100), { code: 'invalid_message', statusCode: 400 }, content)
  }
  t.equal(encodeContent(JSON.parse('[null,1e308,"null"]'), 100), '[null,1e+308,"null"]')
})
