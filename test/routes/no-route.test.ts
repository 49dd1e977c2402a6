import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { startServer, type TestServer } from '../support/server.js'
import { checkError, parsed, rawRequest } from './wire.js'

/** Bytes as they are; the whole answer. */
async function talk(server: TestServer, bytes: string): Promise<{ status: number; head: string; text: string }> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.setEncoding('utf8')
  let answer = ''
  socket.on('data', (part) => {
    answer += part
  })
  socket.on('error', () => {})
  socket.write(bytes)
  await once(socket, 'close')
  const [head = '', text = ''] = answer.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), head, text }
}

t.test('what there is no route for', async (t) => {
  const server = await startServer(t)

  await t.test('is 404 in the one shape', async (t) => {
    const unknown: Array<[method: string, path: string]> = [
      ['GET', '/nothing'],
      ['GET', '/rooms/lobby/nothing'],
      ['GET', '/rooms/lobby/messages/1'],
      ['GET', '/Rooms'],
      ['GET', '/stats/nothing'],
      ['GET', '/health'],
      ['GET', '/favicon.ico'],
      ['GET', '/../../etc/passwd'],
      ['GET', '/__proto__'],
      ['POST', '/'],
      ['POST', '/rooms'],
      ['PUT', '/rooms/lobby'],
      ['PATCH', '/rooms/lobby/messages'],
      ['DELETE', '/rooms/lobby'],
      ['GET', '/rooms/lobby/messages'],
      ['GET', '/broadcast'],
      ['GET', '/publish'],
      ['POST', '/online'],
      ['POST', '/stats'],
      ['OPTIONS', '/rooms']
    ]
    for (const [method, path] of unknown) {
      const answer = await rawRequest(server, path, { method })
      checkError(t, parsed(answer), [404, 'not_found'], { title: `${method} ${path}` })
      t.match(answer.headers['content-type'], /^application\/json/)
    }
  })

  await t.test('is 404 whatever comes with it, and 403 for a foreign host', async (t) => {
    const json = { 'content-type': 'application/json' }
    const bodies = ['{bad', '', 'x'.repeat(1_200_000)]
    for (const body of bodies) {
      for (const path of ['/nothing', '/rooms']) {
        const answer = await rawRequest(server, path, { method: 'POST', headers: json, body })
        checkError(t, parsed(answer), [404, 'not_found'], { title: `${path} ${body.slice(0, 5)}` })
      }
    }
    const foreign = await rawRequest(server, '/nothing', {
      method: 'POST',
      headers: { ...json, host: 'evil.example' },
      body: '{bad'
    })
    checkError(t, parsed(foreign), [403, 'forbidden'])
  })

  await t.test('does not say what was asked for', async (t) => {
    const { text } = await rawRequest(server, '/%3Cscript%3Ealert(1)')
    t.notMatch(text, /script/)
  })

  await t.test('is an error in the one shape for a broken path', async (t) => {
    const answer = parsed(await rawRequest(server, '/%zz'))
    checkError(t, answer, [answer.status, answer.body.code])
    t.ok([400, 404].includes(answer.status))
  })

  await t.test('no answer names the software or opens itself to other origins', async (t) => {
    for (const path of ['/nothing', '/rooms', '/health/live', '/metrics', '/docs/json']) {
      const { headers } = await rawRequest(server, path, { headers: { origin: 'https://evil.example' } })
      t.notOk('server' in headers || 'x-powered-by' in headers, path)
      t.notOk(
        Object.keys(headers).some((name) => name.startsWith('access-control-')),
        path
      )
    }
  })

  await t.test('HEAD answers as GET without its body', async (t) => {
    const { status, text } = await rawRequest(server, '/rooms/lobby', { method: 'HEAD' })
    t.equal(status, 200)
    t.equal(text, '')
  })
})

t.test('what is no HTTP is refused in the one shape, and the server lives', async (t) => {
  const server = await startServer(t)
  const broken: Array<[what: string, bytes: string]> = [
    ['no method', 'xyz\r\n\r\n'],
    ['a header without a colon', 'GET /rooms HTTP/1.1\r\nHost: localhost\r\nbroken\r\n\r\n'],
    ['two lengths', 'POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    ],
    ['a negative length', 'POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n'],
    [
      'a broken chunk',
      'POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n'
    ]
  ]
  for (const [what, bytes] of broken) {
    const { status, text } = await talk(server, bytes)
    t.equal(status, 400, what)
    checkError(t, parsed({ status, headers: {}, text }), [400, 'invalid_message'], { title: what })
  }
  const { status, head } = await talk(
    server,
    `GET /rooms HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`
  )
  t.ok(status === 431 || status === 400, `headers over 16 KiB: ${status}`)
  t.notMatch(head, /101/)
  t.equal((await rawRequest(server, '/rooms')).status, 200)
})
