import t from 'tap'
import { Capabilities, includes, operations, parseCapabilities } from '../../src/auth/capabilities.js'
import { everything, TokenGrant } from '../../src/auth/grant.js'

/** The example of the protocol. */
const claim = {
  'room:news': ['join', 'history'],
  'room:chat/*': ['join', 'publish', 'signal', 'history', 'members'],
  'group:staff': ['publish', 'history'],
  'user:*': ['direct']
}

function granted(capabilities: Capabilities, kind: 'room' | 'group' | 'user', id: string): string[] {
  const set = capabilities.on(kind, id)
  return operations.filter((operation) => includes(set, operation))
}

t.test('a pattern grants its operations, on what fits it and nothing else', async (t) => {
  const capabilities = new Capabilities(claim)
  t.strictSame(granted(capabilities, 'room', 'news'), ['join', 'history'])
  t.strictSame(granted(capabilities, 'room', 'chat/1'), ['join', 'publish', 'signal', 'history', 'members'])
  t.strictSame(granted(capabilities, 'room', 'chat'), [])
  t.strictSame(granted(capabilities, 'room', 'staff'), [], 'a group is no room')
  t.strictSame(granted(capabilities, 'group', 'staff'), ['publish', 'history'])
  t.strictSame(granted(capabilities, 'group', 'news'), [])
  t.strictSame(granted(capabilities, 'user', 'bob'), ['direct'])
})

t.test('rights only add up', async (t) => {
  const capabilities = new Capabilities({ 'room:*': ['join'], 'room:a*': ['publish'], 'room:ab': [], 'room:b': ['*'] })
  t.strictSame(granted(capabilities, 'room', 'x'), ['join'])
  t.strictSame(granted(capabilities, 'room', 'ab'), ['join', 'publish'])
  t.strictSame(granted(capabilities, 'room', 'b'), [...operations])
})

t.test('a star among the operations is every operation', async (t) => {
  t.strictSame(granted(new Capabilities({ '*': ['*'] }), 'user', 'x'), [...operations])
  t.strictSame(granted(new Capabilities({ '*': ['join', '*'] }), 'room', 'x'), [...operations])
})

t.test('an empty object grants nothing', async (t) => {
  t.strictSame(granted(new Capabilities({}), 'room', 'x'), [])
})

t.test('names of JavaScript itself are patterns like any other', async (t) => {
  const capabilities = parseCapabilities('{"__proto__": ["*"], "constructor": ["join"]}')
  t.strictSame(granted(capabilities, 'room', 'x'), [])
  t.strictSame(granted(new Capabilities({}), 'room', '__proto__'), [])
})

t.test('what is no such object is refused, with what is wrong', async (t) => {
  for (const wrong of [null, [], 'room:*', 1, true, undefined]) {
    t.throws(() => new Capabilities(wrong), /object from pattern/, JSON.stringify(wrong))
  }
  for (const list of ['join', { join: true }, null, 1]) {
    t.throws(() => new Capabilities({ 'room:*': list }), /"room:\*": expected a list/, JSON.stringify(list))
  }
  for (const name of ['read', 'JOIN', 'join ', 1, null, 'constructor']) {
    t.throws(() => new Capabilities({ 'room:*': ['join', name] }), /there are the operations/, JSON.stringify(name))
  }
  t.throws(() => parseCapabilities('{"room:*"'), /not valid JSON/)
  t.throws(() => parseCapabilities('[]'), /object from pattern/)
})

t.test('a grant remembers the verdict on one resource, and on no other', async (t) => {
  let looks = 0
  class Counted extends Capabilities {
    override on(...of: Parameters<Capabilities['on']>): number {
      looks++
      return super.on(...of)
    }
  }
  const grant = new TokenGrant({ userId: 'alice', expiresAt: 1, capabilities: new Counted(claim) })
  t.ok(grant.allows('join', 'room', 'news'))
  t.notOk(grant.allows('publish', 'room', 'news'))
  t.equal(looks, 1)
  t.notOk(grant.allows('publish', 'group', 'news'), 'of the same name')
  t.ok(grant.allows('publish', 'group', 'staff'))
  t.notOk(grant.allows('publish', 'room', 'staff'))
  t.ok(grant.allows('join', 'room', 'news'))
  t.equal(looks, 5)
})

t.test('a grant asked about the empty name first has looked', async (t) => {
  const capabilities = new Capabilities({ 'room:': ['join'] })
  t.ok(new TokenGrant({ userId: 'alice', expiresAt: 1, capabilities }).allows('join', 'room', ''))
})

t.test('in open mode everything is allowed for ever', async (t) => {
  for (const operation of operations) t.ok(everything.allows(operation, 'room', 'r'))
  t.equal(everything.expiresAt, Number.POSITIVE_INFINITY)
})
