import t from 'tap'
import { FaultCounter } from '../../src/connections/rate-limit.js'
import type { LiveClient } from '../support/live-client.js'
import { request, startServer } from '../support/server.js'
import { until } from '../support/until.js'
import { allAnswered, onEachStore } from './each-store.js'

t.setTimeout(150_000)

function errorsOf(client: LiveClient): string[] {
  return client.messages.filter(({ type }) => type === 'error').map(({ code }) => code)
}

const malformed: Record<string, string[]> = {
  invalid_json: ['{'],
  invalid_message: ['[]'],
  unknown_type: ['{"type":"dance"}'],
  'a mixture of the three': ['{', '{"type":"join_room"}', '{"type":"resume"}']
}

for (const [kind, texts] of Object.entries(malformed)) {
  t.test(`the 20th ${kind} within 10 s closes with 4500, after its error`, async (t) => {
    const server = await startServer(t)
    const client = await server.connect()
    for (let n = 0; n < 19; n++) client.raw(texts[n % texts.length] as string)
    await allAnswered(client)
    t.equal(errorsOf(client).length, 19)
    client.raw(texts[0] as string)
    client.send({ type: 'chat_message', room: 'r', content: 'too late' })
    t.equal(await client.closed(), 4500)
    t.equal(errorsOf(client).length, 20)
    t.match((await request(`${server.url}/rooms/r`)).body, { offset: 0 }, 'what came after it is not taken')
    t.match((await request(`${server.url}/online`)).body, { connections: 0 })
  })
}

t.test('20 malformed lines of one frame close with 4500', async (t) => {
  const server = await startServer(t)
  const client = await server.connect('/ws', { protocols: ['roomcast.v1.ndjson'] })
  client.raw('{\n'.repeat(30))
  t.equal(await client.closed(), 4500)
  t.equal(errorsOf(client).length, 20)
})

t.test('errors of other kinds close nothing', async (t) => {
  const server = await startServer(t)
  const client = await server.connect('/ws?user_id=alice')
  for (let n = 0; n < 30; n++) {
    client.send({ type: 'join_room', room: '..' })
    client.send({ type: 'join_room', room: 'r', user_id: 'bob' })
  }
  await allAnswered(client)
  t.equal(errorsOf(client).length, 60)
})

t.test('20 faults within any 10 s count, not only within fixed tens of seconds', (t) => {
  const counter = new FaultCounter(20, 10_000)
  t.equal(counter.add(0), false)
  let reached = false
  for (let n = 0; n < 20; n++) reached = counter.add(9_700 + n * 30) || reached
  t.ok(reached, '20 within 600 ms')
  const slow = new FaultCounter(20, 10_000)
  for (let n = 0; n < 100; n++) t.notOk(slow.add(n * 600), 'never 20 within 10 s')
  t.end()
})

onEachStore(
  'what is over the rate is refused with its id and a time to wait, and not carried out',
  async (t, start) => {
    const server = await start({ RATE_LIMIT_PER_SECOND: 5, RATE_LIMIT_BURST: 10 })
    const client = await server.connect('/ws?user_id=alice')
    for (let n = 0; n < 30; n++) client.send({ type: 'chat_message', room: 'r', content: n, id: `${n}` })
    await until(() => client.messages.filter(({ id }) => id !== undefined).length === 30)
    const refused = client.messages.filter(({ type }) => type === 'error')
    t.ok(refused.length >= 19 && refused.length <= 20, `${refused.length}`)
    for (const { code, id, retry_after_ms } of refused) {
      t.equal(code, 'rate_limited')
      t.ok(Number(id) >= 10)
      t.ok(Number.isInteger(retry_after_ms) && retry_after_ms > 0 && retry_after_ms <= 200, `${retry_after_ms}`)
    }
    t.match((await request(`${server.url}/rooms/r`)).body, { offset: 30 - refused.length })
    const { retry_after_ms } = refused.at(-1) ?? {}
    await new Promise((resolve) => setTimeout(resolve, retry_after_ms + 5))
    t.equal((await client.ask({ type: 'heartbeat' })).type, 'heartbeat_ack', 'after that time there is room for one')
  }
)

t.test('the rate is counted by connection, and backends are not limited', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 1, RATE_LIMIT_BURST: 1 })
  const [one, two] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=alice')]
  for (const client of [one, two]) t.equal((await client.ask({ type: 'heartbeat' })).type, 'heartbeat_ack')
  t.equal((await one.ask({ type: 'heartbeat' })).code, 'rate_limited', 'heartbeats are messages, too')
  for (let n = 0; n < 20; n++) {
    t.equal((await request(`${server.url}/rooms/r/messages`, { method: 'POST', body: { content: n } })).status, 201)
  }
})

t.test('messages that are refused for an id count into the rate', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 5, RATE_LIMIT_BURST: 10 })
  const client = await server.connect()
  for (let n = 0; n < 50; n++) client.send({ type: 'leave_room', room: '..', id: `${n}` })
  await until(() => errorsOf(client).length === 50)
  t.ok(errorsOf(client).includes('rate_limited'))
})

t.test('lines that are too long count into the rate', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 5, RATE_LIMIT_BURST: 10, MAX_MESSAGE_BYTES: 100 })
  const client = await server.connect('/ws', { protocols: ['roomcast.v1.ndjson'] })
  client.raw(`${'x'.repeat(101)}\n`.repeat(50))
  await until(() => errorsOf(client).length === 50)
  t.ok(errorsOf(client).includes('rate_limited'))
})

t.test('frames of nothing but line feeds count into the rate, and a flood of them closes with 4002', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 1, RATE_LIMIT_BURST: 2 })
  const client = await server.connect('/ws', { protocols: ['roomcast.v1.ndjson'] })
  for (let n = 0; n < 2; n++) client.raw('\n\n')
  t.match(await client.ask({ type: 'heartbeat' }), { type: 'error', code: 'rate_limited' })
  for (let n = 0; n < 1000; n++) client.raw('\n')
  t.equal(await client.closed(), 4002)
})

t.test('RATE_LIMIT_PER_SECOND=0 limits nothing', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 0, RATE_LIMIT_BURST: 1 })
  const client = await server.connect()
  for (let n = 0; n < 2000; n++) client.send({ type: 'heartbeat' })
  await until(() => client.messages.filter(({ type }) => type === 'heartbeat_ack').length === 2000)
})

t.test('1,000 messages over the rate within 10 s close with 4002', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 1, RATE_LIMIT_BURST: 5 })
  const client = await server.connect('/ws?user_id=alice')
  for (let n = 0; n < 1200; n++) client.send({ type: 'heartbeat' })
  t.equal(await client.closed(), 4002)
  t.equal(errorsOf(client).filter((code) => code === 'rate_limited').length, 1000)
})

t.test('a connection that is closed for its faults while commands wait is gone at once', async (t) => {
  const server = await startServer(t, { RATE_LIMIT_PER_SECOND: 0 })
  const client = await server.connect('/ws?user_id=alice')
  for (let n = 0; n < 400; n++) client.send({ type: 'join_room', room: `room ${n % 100}` })
  for (let n = 0; n < 20; n++) client.raw('{')
  const begun = Date.now()
  t.equal(await client.closed(), 4500)
  await until(async () => (await request(`${server.url}/online`)).body.rooms === 0)
  t.ok(Date.now() - begun < 3000, `${Date.now() - begun} ms`)
})
