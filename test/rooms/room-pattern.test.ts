import fc from 'fast-check'
import t from 'tap'
import { RoomDefinitionError } from '../../src/rooms/definition-error.js'
import { matchPattern, parsePattern } from '../../src/rooms/room-pattern.js'

function match(pattern: string, room: string) {
  return matchPattern(parsePattern(pattern), room.split('/'))
}

t.test('a text stands for itself, a parameter for any one segment that is not empty', (t) => {
  t.strictSame(match('chat/:id', 'chat/7'), { id: '7' })
  t.strictSame(match('chat/:id', 'chat/:id'), { id: ':id' })
  t.strictSame(match(':tenant/chat/:id', 'a b/chat/é'), { tenant: 'a b', id: 'é' })
  t.strictSame(match('lobby', 'lobby'), {})
  for (const room of ['chat', 'chat/', 'chat/7/8', 'Chat/7', 'x/chat/7', '/7', 'chat//7', 'chat7']) {
    t.equal(match('chat/:id', room), undefined, room)
  }
  t.equal(match(':any', 'a/b'), undefined)
  t.end()
})

t.test('letters that mean something to regular expressions mean nothing in a pattern', (t) => {
  t.strictSame(match('a.b+(c)$', 'a.b+(c)$'), {})
  t.equal(match('a.b', 'axb'), undefined)
  t.end()
})

t.test('a parameter may have a name that objects know already', (t) => {
  const params = match(':__proto__/:constructor', 'a/b')
  t.strictSame(Object.entries(params ?? {}), [
    ['__proto__', 'a'],
    ['constructor', 'b']
  ])
  t.end()
})

t.test('a pattern that no room can have, or that says nothing clear, is refused in one line that names it', (t) => {
  for (const pattern of [
    '',
    '/',
    'a//b',
    'a/',
    ':',
    'a/:',
    ':a-b',
    ':1',
    ':a/:a',
    'chat/*',
    '.',
    '..',
    'a\nb',
    'x'.repeat(129)
  ]) {
    t.throws(() => parsePattern(pattern), RoomDefinitionError, JSON.stringify(pattern))
    t.throws(() => parsePattern(pattern), { message: /^room family "[^\n]*": [^\n]+$/ })
  }
  t.end()
})

t.test('every room whose segments fill a pattern fits it, with these segments as its parameters', (t) => {
  const segment = fc.string({ minLength: 1, maxLength: 9 }).filter((text) => !text.includes('/'))
  fc.assert(
    fc.property(segment, segment, (one, other) => {
      t.strictSame(match('a/:one/b/:other', `a/${one}/b/${other}`), { one, other })
    }),
    { numRuns: 300 }
  )
  t.end()
})
