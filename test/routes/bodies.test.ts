import t from 'tap'
import { request, startServer, type TestServer } from '../support/server.js'
import { checkError, parsed, post, rawRequest } from './wire.js'

const JSON_TYPE = { 'content-type': 'application/json' }
const routes = ['/rooms/bodies/messages', '/broadcast', '/publish']

async function send(
  server: TestServer,
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = JSON_TYPE
) {
  return parsed(await rawRequest(server, path, { method: 'POST', headers, body }))
}

t.test('bodies that are refused', async (t) => {
  const server = await startServer(t)

  for (const route of routes) {
    await t.test(`POST ${route} with broken JSON is invalid_json`, async (t) => {
      const broken = ['{', '{"content":}', '{"content":1', "{'content':1}", '{content:1}', 'content', '{"content":1}x']
      broken.push(
        '{"content":NaN}',
        '{"content":01}',
        '{"content":"\n"}',
        '\u0000',
        '[1,]',
        '{"content":"\\x"}',
        'undefined'
      )
      for (const [index, body] of broken.entries()) {
        checkError(t, await send(server, route, body), [400, 'invalid_json'], { title: `broken ${index}` })
      }
    })

    await t.test(`POST ${route} with an empty body is refused`, async (t) => {
      for (const body of ['', ' ', '\n']) {
        checkError(t, await send(server, route, body), [400, 'invalid_json'], { title: `${body.length} bytes` })
      }
    })

    await t.test(`POST ${route} with a poisoned prototype is invalid_json`, async (t) => {
      for (const body of [
        '{"content":1,"__proto__":{"admin":true}}',
        '{"content":{"__proto__":{"admin":true}}}',
        '{"content":[{"a":{"__proto__":null}}]}',
        '{"content":{"\\u005f_proto__":1}}',
        '{"content":{"constructor":{"prototype":{"admin":true}}}}',
        '{"items":[{"room":"bodies","content":{"__proto__":1}}],"content":1}'
      ]) {
        checkError(t, await send(server, route, body), [400, 'invalid_json'], { title: body })
      }
    })

    await t.test(`POST ${route} with something else than an object is invalid_message`, async (t) => {
      for (const body of ['[]', '[{"content":1}]', '"content"', '1', 'true', 'null']) {
        checkError(t, await send(server, route, body), [400, 'invalid_message'], { title: body })
      }
    })

    await t.test(`POST ${route} with another content type is 415`, async (t) => {
      const body = '{"content":1,"items":[]}'
      const types = [
        'text/plain',
        'text/plain;charset=UTF-8',
        'application/x-www-form-urlencoded',
        'multipart/form-data'
      ]
      types.push('text/json', 'application/jsonp', 'application/octet-stream', 'xx', '*/*', 'application/xml')
      for (const type of types) {
        const answer = await send(server, route, body, { 'content-type': type })
        checkError(t, answer, [415, 'unsupported_media_type'], { title: type })
      }
      checkError(t, await send(server, route, body, {}), [415, 'unsupported_media_type'], { title: 'none' })
    })

    await t.test(`POST ${route} takes JSON with parameters and in other letters`, async (t) => {
      for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
        const { status } = await send(server, route, '{"content":1,"items":[]}', { 'content-type': type })
        t.ok(status >= 200 && status < 300, `${type}: ${status}`)
      }
    })
  }

  await t.test('a POST without body and content type is refused', async (t) => {
    for (const route of routes) {
      const answer = parsed(await rawRequest(server, route, { method: 'POST', headers: { 'content-length': '0' } }))
      t.ok(answer.status === 400 || answer.status === 415, `${route}: ${answer.status}`)
      checkError(t, answer, [answer.status, answer.body.code])
    }
  })

  await t.test('the server lives and has stored nothing of the refused', async (t) => {
    const { body } = await request(`${server.url}/rooms/bodies/history`)
    for (const { content } of body.messages) t.equal(content, 1)
    t.equal(Object.hasOwn(Object.prototype, 'admin'), false)
    t.equal((await post(`${server.url}/rooms/bodies/messages`, { content: 'alive' })).status, 201)
  })
})

t.test('a key that stands twice counts as JSON.parse takes it', async (t) => {
  const server = await startServer(t)
  await send(server, '/rooms/twice/messages', '{"content":1,"content":2}')
  t.match((await request(`${server.url}/rooms/twice/history`)).body.messages, [{ content: 2 }])
})

t.test('ten thousand keys are a message like any other', async (t) => {
  const server = await startServer(t, { MAX_MESSAGE_BYTES: 200_000 })
  const content = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`k${index}`, index]))
  t.equal((await post(`${server.url}/rooms/keys/messages`, { content })).status, 201)
  t.strictSame((await request(`${server.url}/rooms/keys/history`)).body.messages[0].content, content)
})

t.test('a route without a body takes an empty one, whatever it is called', async (t) => {
  const server = await startServer(t)
  for (const [method, path, status] of [
    ['PUT', '/groups/staff/members/alice', 204],
    ['DELETE', '/groups/staff/members/alice', 204],
    ['DELETE', '/users/alice/connections', 200]
  ] as const) {
    const answer = await rawRequest(server, path, { method, headers: JSON_TYPE })
    t.equal(answer.status, status, `${method} ${path}`)
  }
  const broken = await rawRequest(server, '/groups/staff/members/alice', {
    method: 'PUT',
    headers: JSON_TYPE,
    body: '{'
  })
  checkError(t, parsed(broken), [400, 'invalid_json'])
})
