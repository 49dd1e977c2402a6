import { createHash } from 'node:crypto'
import t from 'tap'
import { findApiKey, parseApiKeys } from '../../src/auth/api-keys.js'

const KEY = 'abcdefghijklmnop'
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const scopesOf = (list: string, given: string) => [...(findApiKey(parseApiKeys(list), given)?.scopes ?? [])].sort()

t.test('a list of keys', async (t) => {
  t.same(parseApiKeys(undefined), [], 'may be absent')
  t.same(parseApiKeys(''), [])
  t.same(parseApiKeys(' , ,'), [])
  t.same(scopesOf(KEY, KEY), ['admin', 'publish', 'read'], 'a bare key has every scope')
  t.same(scopesOf(`publish:${KEY}`, KEY), ['publish'])
  t.same(scopesOf(`admin+read:${KEY}`, KEY), ['admin', 'read'])
  t.same(scopesOf(`read+read:${KEY}`, KEY), ['read'])
  t.same(scopesOf(`sha256:${sha256(KEY)}`, KEY), ['admin', 'publish', 'read'], 'a hash stands for its key')
  t.same(scopesOf(`publish:sha256:${sha256(KEY)}`, KEY), ['publish'])
  t.same(scopesOf(`read:sha256:${sha256(KEY).toUpperCase()}`, KEY), ['read'], 'in letters of either size')
  t.same(scopesOf(` ${KEY} , read:qrstuvwxyz123456 `, 'qrstuvwxyz123456'), ['read'], 'spaces around are nothing')
  t.same(scopesOf('AZaz09_-AZaz09_-', 'AZaz09_-AZaz09_-'), ['admin', 'publish', 'read'])
})

t.test('entries that are no keys are refused without being repeated', async (t) => {
  const bad = ['short', 'fifteen-letters', 'with space in the key', 'key:with:colons:here', 'ключ-ключ-ключ-ключ']
  bad.push(
    `write:${KEY}`,
    `:${KEY}`,
    `+:${KEY}`,
    `read+:${KEY}`,
    `Read:${KEY}`,
    `read+nothing:${KEY}`,
    `read publish:${KEY}`
  )
  bad.push(
    'sha256:',
    'sha256:abc',
    `sha256:${sha256(KEY).slice(1)}`,
    `sha256:${'g'.repeat(64)}`,
    `${KEY}\n`.padStart(20, '\n!')
  )
  for (const [index, entry] of bad.entries()) {
    try {
      parseApiKeys(`${KEY},${entry}`)
      t.fail(`bad ${index} was taken`)
    } catch (error) {
      const { message } = error as Error
      t.match(message, /entry 2/, `bad ${index} is named by its place`)
      t.notOk((entry !== 'sha256:' && message.includes(entry)) || message.includes(KEY), 'and not repeated')
    }
  }
})

t.test('a key that is there twice is refused, for its scopes would be those of one entry only', async (t) => {
  const twice = { message: 'entry 3 has the key of entry 1' }
  t.throws(() => parseApiKeys(`publish:${KEY},qrstuvwxyz123456,read:${KEY}`), twice)
  t.throws(() => parseApiKeys(`publish:${KEY},qrstuvwxyz123456,read:sha256:${sha256(KEY)}`), twice)
})

t.test('only the very key is found', async (t) => {
  const keys = parseApiKeys(`${KEY},sha256:${sha256('the-other-key-of-all')}`)
  t.ok(findApiKey(keys, KEY))
  t.ok(findApiKey(keys, 'the-other-key-of-all'))
  const wrong = ['', KEY.slice(1), `${KEY} `, KEY.toUpperCase(), sha256(KEY), `sha256:${sha256(KEY)}`, '聊天', '\ud800']
  for (const [index, given] of wrong.entries()) t.equal(findApiKey(keys, given), undefined, `wrong ${index}`)
  t.equal(findApiKey(keys, 'x'.repeat(1_000_000)), undefined)
  t.equal(findApiKey([], ''), undefined)
})

t.test('a key is kept as nothing but its hash', async (t) => {
  const [key] = parseApiKeys(`read:${KEY}`)
  t.equal(key?.digest.toString('hex'), sha256(KEY))
  t.notMatch(JSON.stringify(key), KEY)
})
