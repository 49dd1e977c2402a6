import t from 'tap'
import { request, startServer } from '../support/server.js'

/** Every route that is due, with the parameters and the fields of its body (protocol.md, section 3). */
const routes: Array<[method: string, path: string, parameters?: string[], body?: string[]]> = [
  ['get', '/rooms', ['query prefix', 'query cursor', 'query limit']],
  ['get', '/rooms/{room}', ['path room']],
  ['get', '/rooms/{room}/online', ['path room']],
  ['get', '/rooms/{room}/members', ['path room', 'query cursor', 'query limit']],
  ['get', '/rooms/{room}/history', ['path room', 'query after', 'query before', 'query limit']],
  [
    'post',
    '/rooms/{room}/messages',
    ['path room', 'header idempotency-key'],
    ['type', 'content', 'user_id', 'message_id', 'exclude']
  ],
  ['post', '/broadcast', ['header idempotency-key'], ['content', 'message_id', 'exclude']],
  ['post', '/publish', [], ['items']],
  ['get', '/users/{user}', ['path user']],
  ['post', '/users/online', [], ['user_ids']],
  ['post', '/users/{user}/messages', ['path user', 'header idempotency-key'], ['content', 'from', 'message_id']],
  ['get', '/users/{user}/inbox', ['path user', 'query device_id', 'query after', 'query limit']],
  ['post', '/users/{user}/inbox/ack', ['path user'], ['offset', 'epoch', 'device_id']],
  ['get', '/online'],
  ['delete', '/rooms/{room}/history', ['path room']],
  ['delete', '/rooms/{room}/members/{user}', ['path room', 'path user']],
  ['delete', '/users/{user}/connections', ['path user']],
  ['get', '/users/{user}/groups', ['path user', 'query cursor', 'query limit']],
  ['put', '/groups/{group}/members/{user}', ['path group', 'path user']],
  ['delete', '/groups/{group}/members/{user}', ['path group', 'path user']],
  ['get', '/groups/{group}/members', ['path group', 'query cursor', 'query limit']],
  ['delete', '/groups/{group}', ['path group']],
  ['post', '/groups/{group}/messages', ['path group', 'header idempotency-key'], ['content', 'from', 'message_id']],
  ['get', '/groups/{group}/history', ['path group', 'query after', 'query before', 'query limit']],
  ['post', '/revocations', [], ['user_id', 'token_id', 'issued_before']],
  ['get', '/revocations', ['query cursor', 'query limit']],
  ['get', '/stats'],
  ['get', '/stats/history'],
  ['get', '/metrics'],
  ['get', '/health/live'],
  ['get', '/health/ready']
]

t.test('the documentation', async (t) => {
  const server = await startServer(t)
  const { status, body: document } = await request(`${server.url}/docs/json`)

  await t.test('is an OpenAPI document', async (t) => {
    t.equal(status, 200)
    t.match(document, { openapi: /^3\./, info: { title: 'Roomcast', version: String }, paths: Object })
  })

  for (const [method, path, parameters = [], fields = []] of routes) {
    await t.test(`lists ${method} ${path} with what it takes and answers`, async (t) => {
      const operation = document.paths[path]?.[method]
      t.ok(operation, 'is listed')
      const named = (operation?.parameters ?? []).map(
        (parameter: { in: string; name: string }) => `${parameter.in} ${parameter.name.toLowerCase()}`
      )
      t.same(named.sort(), [...parameters].sort())
      const schema = operation?.requestBody?.content?.['application/json']?.schema
      t.same(Object.keys(schema?.properties ?? {}).sort(), [...fields].sort())
      t.ok(
        Object.keys(operation?.responses ?? {}).some((code) => code.startsWith('2')),
        'a success is described'
      )
    })
  }

  await t.test('names the limits', async (t) => {
    const parameters: Array<{ name: string; schema: object }> = document.paths['/rooms/{room}/history'].get.parameters
    t.match(parameters.find(({ name }) => name === 'limit')?.schema, { type: 'integer', minimum: 1, maximum: 1000 })
  })

  await t.test('lists nothing twice', async (t) => {
    const listed = Object.keys(document.paths)
    t.equal(new Set(listed.map((path) => path.replace(/\/$/, ''))).size, listed.length)
  })

  await t.test('is a page too, that needs nothing from elsewhere', async (t) => {
    const response = await fetch(`${server.url}/docs`)
    t.equal(response.status, 200)
    t.match(response.headers.get('content-type'), /^text\/html/)
    const page = await response.text()
    const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '')
    t.ok(links.length > 0)
    for (const link of links) {
      const url = new URL(link, response.url)
      t.equal(url.origin, server.url, link)
      const linked = await fetch(url)
      await linked.arrayBuffer()
      t.equal(linked.status, 200, link)
    }
  })
})

t.test('with keys the document says that they are needed', async (t) => {
  const server = await startServer(t, { API_KEYS: 'secret-of-the-operator' })
  const { status, body } = await request(`${server.url}/docs/json`)
  t.equal(status, 200, 'and is itself public')
  t.match(body, { components: { securitySchemes: {} }, security: Array })
  t.match(Object.values(body.components.securitySchemes), [{ type: 'http', scheme: 'bearer' }])
  t.notMatch(JSON.stringify(body), /secret-of-the-operator/)
})
