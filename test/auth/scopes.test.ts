import { createHash } from 'node:crypto'
import t from 'tap'
import { createHttpServer } from '../../src/app.js'
import { parseConfig } from '../../src/config.js'
import { checkError } from '../routes/wire.js'
import { request, startServer } from '../support/server.js'

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex')
const keys = {
  everything: 'key-of-everything',
  publisher: 'key-of-the-publisher',
  reader: 'key-of-the-reader',
  admin: 'key-of-the-administrator',
  both: 'key-of-both-of-them',
  hashed: 'key-that-is-only-stored-as-its-hash',
  hashedReader: 'key-of-a-hashed-reader'
}
const API_KEYS = [
  keys.everything,
  `publish:${keys.publisher}`,
  ` read:${keys.reader} `,
  `admin:${keys.admin}`,
  `publish+read:${keys.both}`,
  `sha256:${sha256(keys.hashed)}`,
  `read:sha256:${sha256(keys.hashedReader)}`
].join(',')

const reads = ['/rooms', '/rooms/a', '/rooms/a/online', '/rooms/a/members', '/rooms/a/history', '/online', '/stats']
reads.push('/stats/history')
/** What each route asks for, written down a second time: the routes of the server are held against it. */
const expected: Readonly<Record<string, readonly string[]>> = {
  public: [
    ...['GET /', 'GET /ws', 'GET /client/:file', 'GET /health/live', 'GET /health/ready'],
    ...['GET /docs', 'GET /docs/json', 'GET /docs/yaml', 'GET /docs/static/*'],
    ...['GET /docs/static/index.html', 'GET /docs/static/swagger-initializer.js']
  ],
  read: [
    ...['GET /rooms', 'GET /rooms/:room', 'GET /rooms/:room/online', 'GET /rooms/:room/members'],
    ...['GET /rooms/:room/history', 'GET /groups/:group/members', 'GET /groups/:group/history'],
    ...['GET /users/:user', 'POST /users/online', 'GET /users/:user/groups', 'GET /users/:user/inbox'],
    ...['GET /online', 'GET /stats', 'GET /stats/history', 'GET /metrics']
  ],
  publish: [
    ...['POST /rooms/:room/messages', 'POST /groups/:group/messages', 'POST /users/:user/messages'],
    ...['POST /broadcast', 'POST /publish']
  ],
  admin: [
    ...['DELETE /rooms/:room/history', 'DELETE /rooms/:room/members/:user', 'DELETE /users/:user/connections'],
    ...['PUT /groups/:group/members/:user', 'DELETE /groups/:group/members/:user', 'DELETE /groups/:group'],
    ...['POST /users/:user/inbox/ack', 'POST /revocations', 'GET /revocations', 'GET /without-a-scope']
  ]
}

const publishes = ['/rooms/a/messages', '/broadcast', '/publish']

t.test('each key may do what its scopes say', async (t) => {
  const server = await startServer(t, { API_KEYS })
  const allowed: Array<[name: keyof typeof keys, publish: boolean, read: boolean]> = [
    ['everything', true, true],
    ['publisher', true, false],
    ['reader', false, true],
    ['admin', false, false],
    ['both', true, true],
    ['hashed', true, true],
    ['hashedReader', false, true]
  ]
  for (const [name, mayPublish, mayRead] of allowed) {
    const headers = { authorization: `Bearer ${keys[name]}` }
    for (const path of reads) {
      const answer = await request(`${server.url}${path}`, { headers })
      if (mayRead) t.equal(answer.status, 200, `${name} reads ${path}`)
      else checkError(t, answer, [403, 'forbidden'], { title: `${name} may not read ${path}` })
    }
    for (const path of publishes) {
      const answer = await request(`${server.url}${path}`, { method: 'POST', body: { content: 1, items: [] }, headers })
      if (mayPublish) t.ok(answer.status >= 200 && answer.status < 300, `${name} posts to ${path}: ${answer.status}`)
      else checkError(t, answer, [403, 'forbidden'], { title: `${name} may not post to ${path}` })
    }
  }
})

t.test('what a key lacks is told before the body is looked at', async (t) => {
  const server = await startServer(t, { API_KEYS })
  const headers = { authorization: `Bearer ${keys.reader}` }
  for (const path of publishes) {
    const answer = await request(`${server.url}${path}`, { method: 'POST', body: '{', headers })
    checkError(t, answer, [403, 'forbidden'], { title: path })
  }
})

t.test('every route asks for its scope, and admin where it names none', async (t) => {
  const app = createHttpServer(parseConfig({ LOG_LEVEL: 'error', DATA_DIR: 'memory', PORT: 0, API_KEYS }))
  t.teardown(() => app.close())
  const routes = new Set<string>()
  app.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat()) if (name !== 'HEAD') routes.add(`${name} ${url}`)
  })
  app.get('/without-a-scope', { onRequest: (request) => app.checkApiKey(request) }, async () => ({}))
  await app.ready()
  const ask = async (route: string, key?: string) => {
    const [method = '', path = ''] = route.split(' ')
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
    return (await app.inject({ method: method as 'GET', url: path.replaceAll(':', ''), headers })).statusCode
  }
  t.strictSame([...routes].sort(), Object.values(expected).flat().sort(), 'each route has a line, each line a route')
  const single = { publish: keys.publisher, read: keys.reader, admin: keys.admin }
  for (const [needed, names] of Object.entries(expected)) {
    for (const name of names) {
      t.equal((await ask(name)) === 401, needed !== 'public', `${name} without a key`)
      for (const [scope, key] of Object.entries(single)) {
        const isForbidden = needed !== 'public' && needed !== scope
        t.equal((await ask(name, key)) === 403, isForbidden, `${name} with ${scope}`)
      }
    }
  }
})
