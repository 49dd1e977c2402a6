import t from 'tap'
import { RoomcastError } from '../../src/errors.js'
import { checkLoopbackHost, checkOrigin, hostName } from '../../src/http/guards.js'

/** Nothing is thrown but `forbidden`. */
function allows(check: () => void): boolean {
  try {
    check()
    return true
  } catch (error) {
    if (error instanceof RoomcastError && error.code === 'forbidden') return false
    throw error
  }
}

const HOST = 'push.example.com:8765'

t.test('without a list of origins only the host itself may connect', async (t) => {
  const table: Array<[origin: string | undefined, allowed: boolean]> = [
    [undefined, true],
    ['http://push.example.com:8765', true],
    ['https://push.example.com:8765', true],
    ['https://evil.example', false],
    ['null', false],
    ['', false],
    ['http://push.example.com', false],
    ['http://push.example.com:8766', false],
    ['http://push.example.com:87650', false],
    ['http://push.example.com:8765.evil.example', false],
    ['http://push.example.com.evil.example:8765', false],
    ['http://evil.example/push.example.com:8765', false],
    ['http://push.example.com.:8765', false],
    ['http://sub.push.example.com:8765', false],
    ['http://xpush.example.com:8765', false],
    ['http://push.example.com:8765, http://evil.example', false],
    ['http://evil.example, http://push.example.com:8765', false],
    ['http://push.example.com:8765@evil.example', false],
    ['ftp://push.example.com:8765', false],
    ['ws://push.example.com:8765', false],
    ['file://push.example.com:8765', false],
    ['chrome-extension://push.example.com:8765', false],
    ['push.example.com:8765', false],
    ['//push.example.com:8765', false],
    ['*', false],
    ['http://', false],
    ['聊天', false]
  ]
  for (const [origin, allowed] of table) {
    t.equal(
      allows(() => checkOrigin(origin, HOST, [])),
      allowed,
      `${origin}`
    )
  }
})

t.test('the default port may be written or left out on either side', async (t) => {
  const pairs: Array<[origin: string, host: string, allowed: boolean]> = [
    ['http://example.com', 'example.com:80', true],
    ['https://example.com', 'example.com:443', true],
    ['http://example.com', 'example.com', true],
    ['https://example.com', 'example.com:80', false],
    ['http://localhost', 'LOCALHOST', true],
    ['http://[::1]:8765', '[::1]:8765', true],
    ['http://[::1]:8765', '[::1]:8766', false]
  ]
  for (const [origin, host, allowed] of pairs) {
    t.equal(
      allows(() => checkOrigin(origin, host, [])),
      allowed,
      `${origin} at ${host}`
    )
  }
})

t.test('an origin where the host is missing or broken is refused', async (t) => {
  for (const host of [undefined, '', ':', 'a b', 'x:y:z', '[::1']) {
    t.notOk(
      allows(() => checkOrigin('http://localhost', host, [])),
      `${host}`
    )
    t.ok(
      allows(() => checkOrigin(undefined, host, [])),
      'and without an origin there is nothing to compare'
    )
  }
})

t.test('with a list of origins these alone may connect', async (t) => {
  const allowed = ['https://app.example.com', 'http://localhost:3000']
  const table: Array<[origin: string | undefined, allowed: boolean]> = [
    [undefined, true],
    ['https://app.example.com', true],
    ['http://localhost:3000', true],
    ['http://app.example.com', false],
    ['https://app.example.com:8443', false],
    ['https://app.example.com.', false],
    ['https://app.example.com.evil.io', false],
    ['https://evil.io/https://app.example.com', false],
    ['https://app.example.com@evil.io', false],
    ['https://app.example.com, https://evil.io', false],
    ['https://evil.io, https://app.example.com', false],
    [`http://${HOST}`, false],
    ['null', false],
    ['', false],
    ['*', false]
  ]
  for (const [origin, isAllowed] of table) {
    t.equal(
      allows(() => checkOrigin(origin, HOST, allowed)),
      isAllowed,
      `${origin}`
    )
  }
  t.notOk(
    allows(() => checkOrigin('https://anything.example', HOST, ['*'])),
    'a star is no pattern'
  )
})

t.test('loopback names pass, all others are refused', async (t) => {
  const own = ['localhost', 'localhost:8765', 'LocalHost', '127.0.0.1', '127.0.0.1:80', '127.1.2.3', '127.255.255.254']
  own.push('[::1]', '[::1]:8765', '[0:0:0:0:0:0:0:1]')
  for (const host of own)
    t.ok(
      allows(() => checkLoopbackHost(host)),
      host
    )
  const strangers = [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost.',
    '0.0.0.0',
    '[::]'
  ]
  strangers.push(
    '128.0.0.1',
    '126.0.0.1',
    '1127.0.0.1',
    '127.0.0.256',
    '127.0.0.1.1',
    '[::2]',
    '[::ffff:8.8.8.8]',
    '',
    ':',
    ':80'
  )
  strangers.push(
    'localhost@evil.example',
    'evil.example#localhost',
    'evil.example?localhost',
    'a b',
    'localhost:x',
    '聊天',
    '[::1'
  )
  for (const host of [undefined, ...strangers])
    t.notOk(
      allows(() => checkLoopbackHost(host)),
      `${host}`
    )
})

t.test('the name of a host stands without its port', async (t) => {
  t.equal(hostName('Example.COM:8765'), 'example.com')
  t.equal(hostName('[::1]:8765'), '[::1]')
  t.equal(hostName(undefined), undefined)
  t.equal(hostName(''), undefined)
  t.equal(hostName('a b'), undefined)
  t.equal(hostName('x:99999'), undefined)
})

t.test('long and odd headers are looked at in no time', async (t) => {
  const begun = performance.now()
  for (const part of ['a', '.', '-', '[', ':', '127.', '%', '@', ',']) {
    const long = part.repeat(65_536 / part.length)
    allows(() => checkLoopbackHost(long))
    allows(() => checkOrigin(`http://${long}`, long, []))
    allows(() => checkOrigin(long, HOST, [long.slice(1)]))
  }
  t.ok(performance.now() - begun < 1000)
})
