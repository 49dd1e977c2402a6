import t from 'tap'
import { checkError } from '../routes/wire.js'
import { request, startServer } from '../support/server.js'

const KEY = 'key-of-the-backend'
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

t.test('more than a hundred failed keys a minute from one address', async (t) => {
  const server = await startServer(t, { API_KEYS: KEY })
  const guess = (number: number, headers: Record<string, string> = {}) =>
    request(`${server.url}/rooms/room-${number}`, {
      headers: { ...bearer(`guess-number-${number}-of-many`), ...headers }
    })

  await t.test('are answered 401 up to the hundredth', async (t) => {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, number) => guess(number)))
    t.same([...new Set(answers.map(({ status }) => status))], [401])
  })

  await t.test('and 429 with Retry-After from then on, whatever is tried', async (t) => {
    const answer = await guess(100)
    checkError(t, answer, [429, 'rate_limited'], { also: ['retry_after_ms'] })
    const seconds = Number(answer.headers.get('retry-after'))
    t.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `${seconds} s`)
    t.ok(answer.body.retry_after_ms > 0 && answer.body.retry_after_ms <= 60_000)
    t.equal((await guess(101, { 'x-forwarded-for': '203.0.113.9' })).status, 429, 'a forwarded address is not believed')
    const post = await request(`${server.url}/publish`, {
      method: 'POST',
      body: '{',
      headers: bearer('another-wrong-key')
    })
    t.equal(post.status, 429, 'on another route too')
  })

  await t.test('while the right key still works, and what is public', async (t) => {
    for (let number = 0; number < 3; number++) {
      t.equal((await request(`${server.url}/rooms`, { headers: bearer(KEY) })).status, 200)
    }
    t.equal((await request(`${server.url}/health/live`)).status, 200)
    await server.connect()
  })
})

t.test('calls with a good key are not limited', async (t) => {
  const server = await startServer(t, { API_KEYS: KEY })
  const answers = await Promise.all(
    Array.from({ length: 400 }, () => request(`${server.url}/online`, { headers: bearer(KEY) }))
  )
  t.same([...new Set(answers.map(({ status }) => status))], [200])
  t.notOk([...(answers[0]?.headers.keys() ?? [])].some((name) => name.startsWith('x-ratelimit')))
})

t.test('calls without keys on loopback are not limited', async (t) => {
  const server = await startServer(t)
  const answers = await Promise.all(Array.from({ length: 400 }, () => request(`${server.url}/online`)))
  t.same([...new Set(answers.map(({ status }) => status))], [200])
})

t.test('who comes by a trusted proxy that forwards ports is one address', async (t) => {
  const server = await startServer(t, { API_KEYS: KEY, TRUST_PROXY: '127.0.0.1' })
  const guess = (number: number) =>
    request(`${server.url}/rooms`, {
      headers: { ...bearer(`guess-number-${number}-of-many`), 'x-forwarded-for': `203.0.113.9:${40_000 + number}` }
    })
  await Promise.all(Array.from({ length: 100 }, (_, number) => guess(number)))
  t.equal((await guess(100)).status, 429)
})
