import t from 'tap'
import { request, startServer } from '../support/server.js'
import { checkError, parsed, rawRequest, upgrade } from './wire.js'

t.test('upgrades', async (t) => {
  const server = await startServer(t)

  await t.test('are taken at /ws and at /', async (t) => {
    for (const path of ['/ws', '/', '/ws?user_id=alice', '/?device_id=phone']) {
      t.equal((await upgrade(server, path)).status, 101, path)
    }
  })

  await t.test('are refused before they happen everywhere else', async (t) => {
    const paths = ['/rooms', '/rooms/lobby', '/rooms/lobby/online', '/rooms/lobby/members', '/rooms/lobby/history']
    paths.push('/online', '/stats', '/stats/history', '/metrics', '/health/live', '/health/ready')
    paths.push('/docs', '/docs/json', '/docs/', '/docs/static/index.css', '/nothing', '/ws/x')
    for (const path of paths) {
      const answer = await upgrade(server, path)
      t.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status}`)
      checkError(t, parsed(answer), [answer.status, parsed(answer).body.code], { title: path })
    }
    for (const path of ['/rooms/lobby/messages', '/broadcast', '/publish']) {
      for (const method of ['GET', 'POST']) {
        const { status } = await upgrade(server, path, {}, method)
        t.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`)
      }
    }
    t.equal((await request(`${server.url}/rooms/lobby`)).body.epoch, null, 'and did nothing')
  })

  await t.test('with a bad id in the query are 400', async (t) => {
    const bad = ['', '..', 'x'.repeat(129), 'a%00b', 'a%0Ab', `${encodeURIComponent('天'.repeat(43))}`, 'a&user_id=b']
    for (const id of bad) {
      const answer = parsed(await upgrade(server, `/ws?user_id=${id}`))
      checkError(t, answer, [400, 'invalid_id'], { title: `user_id=${id.slice(0, 20)}` })
    }
    for (const id of ['', '.', 'x'.repeat(129), 'a%7F']) {
      const answer = parsed(await upgrade(server, `/?device_id=${id}`))
      checkError(t, answer, [400, 'invalid_id'], { title: `device_id=${id.slice(0, 20)}` })
    }
    checkError(t, parsed(await upgrade(server, '/ws?user_id=anonymous:x')), [400, 'invalid_id'])
  })

  await t.test('from a page of another origin are 403', async (t) => {
    const { host } = new URL(server.url)
    for (const origin of [
      'https://evil.example',
      'null',
      `http://${host}.evil.example`,
      'http://127.0.0.1:1',
      'x',
      ''
    ]) {
      for (const path of ['/ws', '/']) {
        const answer = parsed(await upgrade(server, path, { origin }))
        checkError(t, answer, [403, 'forbidden'], { title: `${path} from ${origin}` })
      }
    }
    t.equal((await upgrade(server, '/ws', { origin: `http://${host}` })).status, 101, 'its own may')
  })

  await t.test('a plain GET of /ws is no page and no upgrade', async (t) => {
    const { status } = await rawRequest(server, '/ws')
    t.ok(status >= 400 && status < 500, `${status}`)
    checkError(t, parsed(await rawRequest(server, '/ws')), [404, 'not_found'])
  })

  await t.test('a handshake that is broken is refused', async (t) => {
    for (const headers of [
      { 'sec-websocket-key': 'short' },
      { 'sec-websocket-version': '99' },
      { 'sec-websocket-key': '' }
    ] as Array<Record<string, string>>) {
      const { status } = await upgrade(server, '/ws', headers)
      t.ok(status >= 400 && status < 500, `${JSON.stringify(headers)}: ${status}`)
    }
    t.equal((await request(`${server.url}/online`)).body.connections >= 0, true, 'and the server lives')
  })
})

t.test('only the allowed origins may connect where some are named', async (t) => {
  const ALLOWED_ORIGINS = 'https://app.example.com,http://localhost:3000'
  const server = await startServer(t, { ALLOWED_ORIGINS })
  const { host } = new URL(server.url)
  for (const origin of ALLOWED_ORIGINS.split(','))
    t.equal((await upgrade(server, '/ws', { origin })).status, 101, origin)
  t.equal((await upgrade(server, '/ws')).status, 101, 'no origin is no browser')
  for (const origin of [
    'https://evil.example',
    `http://${host}`,
    'http://app.example.com',
    'https://app.example.com:8443'
  ]) {
    checkError(t, parsed(await upgrade(server, '/ws', { origin })), [403, 'forbidden'], { title: origin })
  }
})

t.test('a full server answers 503, an address or user over its limit 429, both with Retry-After', async (t) => {
  const limits: Array<[settings: object, path: string, status: number, code: string]> = [
    [{ MAX_CONNECTIONS: 1 }, '/ws', 503, 'overloaded'],
    [{ MAX_CONNECTIONS_PER_IP: 1 }, '/ws', 429, 'too_many_connections'],
    [{ MAX_CONNECTIONS_PER_USER: 1 }, '/ws?user_id=alice', 429, 'too_many_connections']
  ]
  for (const [settings, path, status, code] of limits) {
    const server = await startServer(t, settings)
    const first = await server.connect(path)
    const answer = await upgrade(server, path)
    t.equal(answer.status, status, JSON.stringify(settings))
    t.match(answer.headers['retry-after'], /^[1-9]\d*$/)
    checkError(t, parsed(answer), [status, parsed(answer).body.code], { also: ['retry_after_ms'] })
    if (status === 429) t.equal(parsed(answer).body.code, code)
    t.equal((await request(`${server.url}/online`)).body.connections, 1)
    first.terminate()
    let again = await upgrade(server, path)
    while (again.status !== 101) again = await upgrade(server, path)
    t.equal(again.status, 101, 'the place is free again')
  }
})
