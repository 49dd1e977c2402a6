import t from 'tap'
import { parseRedisUrl, RedisUrlError } from '../../src/store/redis/redis-url.js'

t.test('one server, with everything that may be left out', async (t) => {
  for (const [url, options] of [
    ['redis://10.0.0.5', { host: '10.0.0.5', port: 6379, db: 0 }],
    ['redis://cache.internal:6380/', { host: 'cache.internal', port: 6380, db: 0 }],
    ['redis://cache/7', { host: 'cache', port: 6379, db: 7 }],
    ['redis://[::1]', { host: '::1', port: 6379, db: 0 }],
    ['redis://[2001:db8::5]:6380/1', { host: '2001:db8::5', port: 6380, db: 1 }],
    ['redis://app:secret@h', { host: 'h', port: 6379, db: 0, username: 'app', password: 'secret' }],
    ['redis://:secret@h', { host: 'h', port: 6379, db: 0, password: 'secret' }],
    ['redis://app:p%40ss%2F%3A%25@h', { host: 'h', port: 6379, db: 0, username: 'app', password: 'p@ss/:%' }],
    ['redis://app:a:b@h', { host: 'h', port: 6379, db: 0, username: 'app', password: 'a:b' }],
    ['rediss://h', { host: 'h', port: 6379, db: 0, tls: {} }],
    ['REDISS://h', { host: 'h', port: 6379, db: 0, tls: {} }]
  ] as const) {
    t.strictSame(parseRedisUrl(url).options, options, url)
  }
})

t.test('Sentinels, each with its port or the usual one', async (t) => {
  const { options } = parseRedisUrl('redis+sentinel://app:secret@s1,s2:26380,[::1]:26381/my%20master/3')
  t.match(options, {
    sentinels: [
      { host: 's1', port: 26_379 },
      { host: 's2', port: 26_380 },
      { host: '::1', port: 26_381 }
    ],
    name: 'my master',
    db: 3,
    username: 'app',
    password: 'secret'
  })
  t.notOk(options.enableTLSForSentinelMode)
  t.equal(options.sentinelPassword, undefined, "Redis' own password is not shown to a Sentinel")
  t.match(parseRedisUrl('redis+sentinel://s/m?sentinel_username=watch&sentinel_password=p%40ss').options, {
    sentinelUsername: 'watch',
    sentinelPassword: 'p@ss'
  })
  t.match(parseRedisUrl('redis+sentinel://s/m?sentinel_password=x').options, { sentinelPassword: 'x' })
  t.match(parseRedisUrl('rediss+sentinel://s/m').options, {
    tls: {},
    sentinelTLS: {},
    enableTLSForSentinelMode: true
  })
})

t.test('what cannot be meant is refused in one line that shows nothing of it', async (t) => {
  for (const [url, problem] of [
    ['hunter2', /expected redis:/],
    ['http://user:hunter2@h', /expected redis:/],
    ['redis://', /host is missing/],
    ['redis://hunter2:hunter2@', /host is missing/],
    ['redis://h:hunter2', /host is missing or not valid/],
    ['redis://h:0', /port/],
    ['redis://h:65536', /port/],
    ['redis://::1', /host is missing or not valid/],
    ['redis://a,b', /several hosts/],
    ['redis://hunter2@h', /password is missing/],
    ['redis://h/hunter2', /database/],
    ['redis://h/1/2', /expected redis:/],
    ['redis://h?hunter2=1', /parameter/],
    ['redis://h/0?db=2', /none is expected/],
    ['redis://h#hunter2', /expected redis:/],
    ['redis://user:hun/ter2@h', /percent-encoded/],
    ['redis://user:hun?ter2@h', /percent-encoded/],
    ['redis://user:hunter2%@h', /hexadecimal/],
    ['redis+sentinel://s1,s2', /name of the master/],
    ['redis+sentinel://s1,,s2/m', /host is missing/],
    ['redis+sentinel://s1/m/hunter2', /database/],
    ['redis+sentinel://s1/m/1/2', /name of the master/],
    ['redis+sentinel://s1/m?password=hunter2', /sentinel_username and sentinel_password/],
    ['redis+sentinel://s1/m?sentinel_username=hunter2', /needs sentinel_password/]
  ] as const) {
    t.throws(() => parseRedisUrl(url), { constructor: RedisUrlError, message: problem }, url)
    t.throws(() => parseRedisUrl(url), { message: /^REDIS_URL: (?!.*hun)(?!.*ter2)[^\n]*$/ }, url)
  }
})

t.test('people are shown where it is, and no credentials', async (t) => {
  for (const [url, description] of [
    ['redis://app:hunter2@10.0.0.5', 'redis://10.0.0.5:6379'],
    ['rediss://:hunter2@[::1]:6380/2', 'rediss://[::1]:6380/2'],
    ['redis+sentinel://app:hunter2@s1,s2:5/m/1?sentinel_password=hunter2', 'redis+sentinel://s1:26379,s2:5/m/1']
  ] as const) {
    t.equal(parseRedisUrl(url).description, description)
  }
})
