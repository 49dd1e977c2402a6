import { createHash } from 'node:crypto'
import t from 'tap'
import { checkError, parsed, rawRequest, upgrade } from '../routes/wire.js'
import { request, startServer } from '../support/server.js'

const KEY = 'key-of-the-backend'
const JSON_TYPE = { 'content-type': 'application/json' }
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

/** Every route that is due and needs a key. */
const guarded: Array<[method: string, path: string]> = [
  ['GET', '/rooms'],
  ['GET', '/rooms/lobby'],
  ['GET', '/rooms/lobby/online'],
  ['GET', '/rooms/lobby/members'],
  ['GET', '/rooms/lobby/history'],
  ['POST', '/rooms/lobby/messages'],
  ['POST', '/broadcast'],
  ['POST', '/publish'],
  ['GET', '/online'],
  ['GET', '/stats'],
  ['GET', '/stats/history'],
  ['GET', '/metrics']
]

t.test('where API_KEYS is set', async (t) => {
  const server = await startServer(t, { API_KEYS: KEY })
  const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
    rawRequest(server, path, { method, headers, ...(body === undefined ? {} : { body }) })

  for (const [method, path] of guarded) {
    await t.test(`${method} ${path} needs the key`, async (t) => {
      const without = await ask(method, path)
      checkError(t, parsed(without), [401, 'unauthenticated'])
      t.match(without.headers['www-authenticate'], /^Bearer/)
      checkError(t, parsed(await ask(method, path, bearer('key-of-somebody-else'))), [401, 'unauthenticated'])
      const body = method === 'POST' ? '{"content":1,"items":[]}' : undefined
      const { status } = await ask(method, path, { ...bearer(KEY), ...(body === undefined ? {} : JSON_TYPE) }, body)
      t.ok(status >= 200 && status < 300, `with the key: ${status}`)
    })
  }

  await t.test('HEAD needs it as GET does', async (t) => {
    t.equal((await ask('HEAD', '/rooms/lobby')).status, 401)
    t.equal((await ask('HEAD', '/rooms/lobby', bearer(KEY))).status, 200)
  })

  await t.test('the page, the docs, the health and the upgrade need none', async (t) => {
    for (const path of ['/', '/docs', '/docs/json', '/docs/static/index.css', '/health/live', '/health/ready']) {
      t.equal((await ask('GET', path)).status, 200, path)
    }
    t.equal((await upgrade(server, '/ws')).status, 101)
    t.equal((await upgrade(server, '/')).status, 101)
  })

  await t.test('an upgrade opens no other route', async (t) => {
    for (const [method, path] of guarded) {
      const { status } = await upgrade(server, path, {}, method)
      t.ok(status === 401 || status === 404, `${method} ${path}: ${status}`)
    }
  })
})

t.test('without the key a request is 401 before anything else is looked at', async (t) => {
  const server = await startServer(t, { API_KEYS: KEY })
  const post = '/rooms/lobby/messages'
  const bad: Array<[what: string, method: string, path: string, headers?: Record<string, string>, body?: string]> = [
    ['broken JSON', 'POST', post, JSON_TYPE, '{'],
    ['an empty body', 'POST', post, JSON_TYPE],
    ['a body that does not fit', 'POST', '/publish', JSON_TYPE, '[]'],
    ['another content type', 'POST', '/broadcast', { 'content-type': 'text/plain' }, 'x'],
    ['no content type', 'POST', post, {}, 'x'],
    ['too large a content', 'POST', post, JSON_TYPE, JSON.stringify({ content: 'x'.repeat(70_000) })],
    ['too large a body', 'POST', post, { ...JSON_TYPE, 'content-length': '99000000' }],
    ['a bad id', 'GET', '/rooms/..'],
    ['an id of 129 bytes', 'POST', `/rooms/${'x'.repeat(129)}/messages`, JSON_TYPE, '{"content":1}'],
    ['an id of 10,000 bytes', 'GET', `/rooms/${'x'.repeat(10_000)}`],
    ['a control character', 'GET', '/rooms/a%00/history'],
    ['a broken escape', 'GET', '/rooms/%zz'],
    ['a lone surrogate', 'GET', '/rooms/%ED%A0%80/members'],
    ['a bad limit', 'GET', '/rooms?limit=0'],
    ['after and before', 'GET', '/rooms/lobby/history?after=1&before=2'],
    ['a bad Idempotency-Key', 'POST', post, { ...JSON_TYPE, 'idempotency-key': '..' }, '{"content":1}']
  ]
  for (const [what, method, path, headers = {}, body] of bad) {
    const answer = parsed(await rawRequest(server, path, { method, headers, ...(body === undefined ? {} : { body }) }))
    checkError(t, answer, [401, 'unauthenticated'], { title: what })
  }
})

t.test('the header has to be a bearer with the key and nothing else', async (t) => {
  const server = await startServer(t, { API_KEYS: KEY })
  const ask = (authorization: string) => request(`${server.url}/rooms`, { headers: { authorization } })
  const wrong = [
    KEY,
    `Basic ${Buffer.from(`x:${KEY}`).toString('base64')}`,
    `Basic ${KEY}`,
    'Bearer',
    'Bearer ',
    `Bearer ${KEY}x`,
    `Bearer ${KEY.slice(0, -1)}`,
    `Bearer ${KEY.toUpperCase()}`,
    `Bearer ${KEY} ${KEY}`,
    `Bearer ${KEY},${KEY}`,
    `Bearer "${KEY}"`,
    `Bearer${KEY}`,
    `Token ${KEY}`,
    `Bearer sha256:${createHash('sha256').update(KEY).digest('hex')}`,
    `Bearer ${createHash('sha256').update(KEY).digest('hex')}`,
    `Bearer ${'x'.repeat(10_000)}`,
    'Bearer \u00e9\u00ff'
  ]
  for (const [index, authorization] of wrong.entries()) {
    checkError(t, await ask(authorization), [401, 'unauthenticated'], { title: `wrong ${index}` })
  }
  t.equal((await ask(`Bearer ${KEY}`)).status, 200)
  t.equal((await ask(`bearer ${KEY}`)).status, 200, 'the name of a scheme has no case')
  t.equal((await ask(`BEARER ${KEY}`)).status, 200)
  t.equal((await request(`${server.url}/rooms?token=${KEY}&api_key=${KEY}`)).status, 401, 'the query is no place')
})

t.test('METRICS_PUBLIC opens the metrics and nothing else', async (t) => {
  const server = await startServer(t, { API_KEYS: KEY, METRICS_PUBLIC: true })
  t.equal((await rawRequest(server, '/metrics')).status, 200)
  t.equal((await rawRequest(server, '/metrics', { headers: bearer('key-of-somebody-else') })).status, 200)
  for (const path of ['/stats', '/stats/history', '/online', '/rooms']) {
    t.equal((await rawRequest(server, path)).status, 401, path)
  }
})

t.test('without API_KEYS a header is not looked at', async (t) => {
  const server = await startServer(t)
  for (const authorization of ['', 'Bearer x', 'Basic eDp5']) {
    t.equal((await rawRequest(server, '/rooms', { headers: { authorization } })).status, 200)
  }
})
