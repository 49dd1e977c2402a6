import fc from 'fast-check'
import t from 'tap'
import { fitsPattern, parsePattern } from '../../src/auth/pattern.js'

const fits = (pattern: string, name: string) => fitsPattern(parsePattern(pattern), name)

const cases: Array<[pattern: string, fitting: string[], others: string[]]> = [
  ['room:news', ['room:news'], ['room:new', 'room:newss', 'xroom:news', 'ROOM:news', 'user:news', '']],
  ['room:*', ['room:', 'room:a', 'room:a/b', 'room:*', 'room:聊天 室'], ['room', 'group:a', ' room:a']],
  ['room:chat/*', ['room:chat/', 'room:chat/1', 'room:chat/1/2'], ['room:chat', 'room:chats/1', 'room:a/room:chat/1']],
  ['*', ['', 'room:a', 'user:b'], []],
  ['***', ['', 'room:a'], []],
  ['', [''], ['room:a']],
  ['room:*/x', ['room:/x', 'room:a/x', 'room:a/b/x'], ['room:x', 'room:a/xx']],
  ['room:a*a', ['room:aa', 'room:aba', 'room:aaa'], ['room:a', 'room:ab']],
  ['*a*b*', ['ab', 'xaxbx', 'aabb'], ['ba', 'a', 'b', '']],
  ['room:a**b', ['room:ab', 'room:axb'], ['room:a', 'room:b']],
  ['room:.+', ['room:.+'], ['room:ab']],
  ['room:?', ['room:?'], ['room:a']],
  ['room:[a-z]', ['room:[a-z]'], ['room:a']]
]

t.test('a star stands for any run of characters, and nothing else has a meaning', async (t) => {
  for (const [pattern, fitting, others] of cases) {
    for (const name of fitting) t.ok(fits(pattern, name), `${pattern} fits ${name}`)
    for (const name of others) t.notOk(fits(pattern, name), `${pattern} does not fit ${name}`)
  }
})

t.test('it is what an expression with .* in place of each star says', async (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
  const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
  const agree = (pattern: string, name: string) => fits(pattern, name) === asExpression(pattern).test(name)
  t.doesNotThrow(() => fc.assert(fc.property(text, name, agree)))
})

function asExpression(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll('*', '.*')}$`)
}

t.test('a pattern that is made to be slow is looked at once', async (t) => {
  let looks = 0
  class Counted extends String {
    override indexOf(text: string, from?: number): number {
      looks++
      return super.indexOf(text, from)
    }
  }
  const name = new Counted('a'.repeat(128)) as unknown as string
  const pattern = parsePattern(`${'*a'.repeat(4000)}*b*`)
  t.notOk(fitsPattern(pattern, name))
  t.ok(looks <= 129, `${looks} looks: each text at most once, and no further than the name is long`)
})
