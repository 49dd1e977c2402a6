import fc from 'fast-check'
import t from 'tap'
import { anonymousUser, isId, isNamedUser } from '../../src/protocol/ids.js'

const legal = [
  'a',
  ' ',
  '...',
  '.a',
  '../x',
  '{a}b',
  '聊天 室/1',
  '__proto__',
  'constructor',
  '\u00a0',
  '\u2028',
  '\ufffd',
  '\ufeff',
  '😀',
  'a'.repeat(128),
  '😀'.repeat(32),
  `${'聊'.repeat(42)}ab`
]
const illegal = [
  '',
  '.',
  '..',
  'a'.repeat(129),
  '聊'.repeat(43),
  `${'😀'.repeat(32)}a`,
  '\u0000',
  'a\n',
  '\u001f',
  '\u007f',
  '\u0080',
  '\u009f',
  '\ud800',
  'a\udc00b'
]

/** Code points: some of them would end a line of the test's output. */
function shown(text: string): string {
  return [...text.slice(0, 8)].map((letter) => letter.codePointAt(0)?.toString(16)).join(' ')
}

t.test('ids have 1 to 128 bytes, no control characters, no lone surrogates, and are no dots', (t) => {
  for (const id of legal) t.ok(isId(id), shown(id))
  for (const id of illegal) t.notOk(isId(id), shown(id))
  t.end()
})

t.test('any text is an id exactly if the rules say so', (t) => {
  const follows = (text: string) => {
    const bytes = new TextEncoder().encode(text)
    const codes = [...text].map((letter) => letter.codePointAt(0) as number)
    const plain = codes.every(
      (code) => code > 31 && !(code >= 127 && code <= 159) && !(code >= 0xd800 && code <= 0xdfff)
    )
    return bytes.length >= 1 && bytes.length <= 128 && plain && text !== '.' && text !== '..'
  }
  const unit = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xa0 }))
  const text = fc.array(unit, { maxLength: 140 }).map((units) => String.fromCharCode(...units))
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'grapheme' })), (text) => isId(text) === follows(text)),
    { numRuns: 3000 }
  )
  t.end()
})

t.test("names that begin with anonymous: are the server's own", (t) => {
  const own = anonymousUser('7c5e')
  t.equal(own, 'anonymous:7c5e')
  t.ok(isId(own))
  for (const name of [own, 'anonymous:', 'anonymous:alice']) t.notOk(isNamedUser(name), name)
  for (const name of ['anonymous', 'Anonymous:a', ' anonymous:a', 'alice']) t.ok(isNamedUser(name), name)
  for (const name of illegal) t.notOk(isNamedUser(name), shown(name))
  t.end()
})
