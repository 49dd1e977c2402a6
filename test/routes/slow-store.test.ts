import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import clockPlugin from '../../plugins/clock.js'
import randomPlugin from '../../plugins/random.js'
import requestTimePlugin from '../../plugins/request-time.js'
import { sendError } from '../../src/http/error-response.js'
import { FaultProxy } from '../faults/proxy/fault-proxy.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis, urlOf } from '../support/redis-server.js'
import { request, startServer } from '../support/server.js'

/** Of each answer of Redis: too short to count as silence. */
const DELAY_MS = 750

/** A server that has done everything once, and then a Redis that takes its time. */
async function slowServer(t: Test) {
  const redis = await startRedis(t)
  const proxy = await FaultProxy.start(t, redis.port)
  const { url } = await startServer(t, { REDIS_URL: urlOf(proxy.port), REDIS_PREFIX: randomUUID() })
  for (const user of ['a', 'b', 'c', 'd']) await request(`${url}/groups/g/members/${user}`, { method: 'PUT' })
  proxy.behave({ down: { delayMs: DELAY_MS } })
  // The goodbye would take its time, too.
  t.teardown(() => proxy.pass())
  return url
}

t.test('REST answers within three seconds, however often the store is asked', async (t) => {
  const url = await slowServer(t)
  const content = 'slow'
  const asked = [
    ['POST', '/rooms/r/messages', { content, message_id: 'room' }],
    ['POST', '/users/u/messages', { content, message_id: 'user' }],
    ['POST', '/groups/g/messages', { content, message_id: 'group' }],
    ['POST', '/broadcast', { content, message_id: 'all' }],
    [
      'POST',
      '/publish',
      {
        items: [
          { room: 'r', content },
          { group: 'g', content }
        ]
      }
    ],
    ['GET', '/rooms/r/history'],
    ['GET', '/rooms/r/members'],
    ['GET', '/rooms'],
    ['GET', '/users/u'],
    ['GET', '/users/u/inbox'],
    ['GET', '/groups/g/members'],
    ['GET', '/groups/g/history'],
    ['GET', '/stats'],
    ['PUT', '/groups/g/members/e'],
    ['DELETE', '/groups/g/members/a'],
    ['DELETE', '/rooms/r/members/u'],
    ['DELETE', '/rooms/r/history'],
    ['DELETE', '/groups/g']
  ] as const
  const late: string[] = []
  await Promise.all(
    asked.map(async ([method, path, body]) => {
      const answer = await request(`${url}${path}`, { method, body })
      if (answer.status < 300) return
      late.push(path)
      t.match(answer.body, { code: 'store_unavailable', retry_after_ms: 1000 }, path)
      t.equal(answer.headers.get('retry-after'), '1')
    })
  )
  t.ok(late.includes('/rooms'), 'it asks more often than there is time for')
})

t.test('a publish that takes too long names its message', async (t) => {
  const clock = new ManualClock()
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(clockPlugin, { clock }).register(randomPlugin).register(requestTimePlugin)
  let begun = () => {}
  const answer = app.inTime(async (request) => {
    request.nameMessage('mine')
    begun()
    return await new Promise(() => {})
  })
  app.post('/', answer)
  app.setErrorHandler((error, _request, reply) => sendError(reply, error))
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  const response = app.inject({ method: 'POST', url: '/' })
  await isBegun
  clock.advance(2800)
  const { statusCode, headers, body } = await response
  t.equal(statusCode, 503)
  t.equal(headers['retry-after'], '1')
  t.match(JSON.parse(body), { code: 'store_unavailable', message_id: 'mine' })
})
