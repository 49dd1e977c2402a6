import t from 'tap'
import { startRedis } from '../support/redis-server.js'
import { request, startServer } from '../support/server.js'
import { checkError, post, publish, roomUrl } from './wire.js'

/** Three seconds, and what a busy machine adds. */
const IN_TIME_MS = 3500

t.test('a server that is well says so', async (t) => {
  const server = await startServer(t)
  t.equal((await request(`${server.url}/health/live`)).status, 200)
  t.equal((await request(`${server.url}/health/ready`)).status, 200)
})

t.test('while the store is away', async (t) => {
  const redis = await startRedis(t)
  const server = await startServer(t, { REDIS_URL: redis.url, LOG_LEVEL: 'silent' })
  const stored = await publish(server, 'lobby', 'before')
  t.equal(stored.durable, 'redis')
  t.equal((await request(`${server.url}/health/ready`)).status, 200)
  redis.process.kill('SIGSTOP')
  t.teardown(() => redis.process.kill('SIGCONT'))

  await t.test('a publish answers store_unavailable within 3 seconds, with its id to try again', async (t) => {
    const begun = performance.now()
    const answer = await post(roomUrl(server, 'lobby', '/messages'), { content: 1 })
    t.ok(performance.now() - begun < IN_TIME_MS, 'in time')
    checkError(t, answer, [503, 'store_unavailable'], { also: ['message_id', 'retry_after_ms'] })
    t.match(answer.body, { message_id: /./, retry_after_ms: Number })
    t.match(answer.headers.get('retry-after'), /^[1-9]\d*$/)
    const named = await post(roomUrl(server, 'lobby', '/messages'), { content: 1, message_id: 'mine' })
    t.equal(named.body.message_id, 'mine')
  })

  await t.test('the health answers within a second: alive, not ready, and why', async (t) => {
    const begun = performance.now()
    const [live, ready] = [await request(`${server.url}/health/live`), await request(`${server.url}/health/ready`)]
    t.ok(performance.now() - begun < 2000, 'in time')
    t.equal(live.status, 200)
    t.equal(ready.status, 503)
    t.match(JSON.stringify(ready.body), /store|redis/i, 'the reason is told')
    t.notMatch(JSON.stringify(ready.body), new RegExp(`${redis.port}`), 'and nothing of the inside')
  })

  await t.test('reads answer 503 within 3 seconds', async (t) => {
    const paths = [
      '/rooms',
      '/rooms/lobby',
      '/rooms/lobby/online',
      '/rooms/lobby/members',
      '/rooms/lobby/history',
      '/online'
    ]
    const begun = performance.now()
    await Promise.all(
      paths.map(async (path) => {
        const answer = await request(`${server.url}${path}`)
        const took = performance.now() - begun
        t.ok(took < IN_TIME_MS, `${path} after ${Math.round(took)} ms`)
        checkError(t, answer, [503, 'store_unavailable'], { title: path, also: ['retry_after_ms'] })
        t.match(answer.headers.get('retry-after'), /^[1-9]\d*$/)
      })
    )
  })

  await t.test('a batch tells of each item, and a broadcast of itself', async (t) => {
    const items = [
      { room: 'lobby', content: 1, message_id: 'item-1' },
      { room: '..', content: 1 }
    ]
    const begun = performance.now()
    const { status, body } = await post(`${server.url}/publish`, { items })
    t.ok(performance.now() - begun < IN_TIME_MS, `the batch after ${Math.round(performance.now() - begun)} ms`)
    t.equal(status, 200)
    t.match(body.results, [{ code: 'store_unavailable', message: String }, { code: 'invalid_id' }])
    const next = performance.now()
    const broadcast = await post(`${server.url}/broadcast`, { content: 1 })
    t.ok(performance.now() - next < IN_TIME_MS, `the broadcast after ${Math.round(performance.now() - next)} ms`)
    t.match({ status: broadcast.status, ...broadcast.body }, { status: 503, code: 'store_unavailable' })
    t.match(broadcast.headers.get('retry-after'), /^[1-9]\d*$/)
  })

  await t.test('stats and metrics of the node answer all the same', async (t) => {
    for (const path of ['/stats', '/stats/history', '/metrics']) {
      const response = await fetch(`${server.url}${path}`)
      await response.text()
      t.equal(response.status, 200, path)
    }
  })

  await t.test('and when it is back, a retry stores the message once', async (t) => {
    redis.process.kill('SIGCONT')
    while ((await request(`${server.url}/health/ready`)).status !== 200);
    const retry = await post(roomUrl(server, 'lobby', '/messages'), { content: 1, message_id: 'mine' })
    t.ok(retry.status === 200 || retry.status === 201, `${retry.status}`)
    const again = await post(roomUrl(server, 'lobby', '/messages'), { content: 1, message_id: 'mine' })
    t.match({ status: again.status, ...again.body }, { status: 200, offset: retry.body.offset, duplicate: true })
  })
})
