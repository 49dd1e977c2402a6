import t from 'tap'
import { onEachStore } from '../live/each-store.js'
import type { LiveClient } from '../support/live-client.js'
import { request } from '../support/server.js'
import { until } from '../support/until.js'

/** Contents of the directed messages that a client has heard so far. */
const direct = (client: LiveClient) =>
  client.messages.filter(({ type }) => type === 'direct_message').map(({ content }) => content)

onEachStore(
  'a directed message reaches every connection of the user, and the sender hears how many',
  async (t, start) => {
    const server = await start()
    const alice = await server.connect('/ws?user_id=alice')
    const [phone, laptop] = [
      await server.connect('/ws?user_id=bob&device_id=phone'),
      await server.connect('/ws?user_id=bob&device_id=laptop')
    ]
    await until(async () => (await request(`${server.url}/users/bob`)).body.connections === 2)
    const ack = await alice.ask({ type: 'direct_message', to: 'bob', content: { text: 'hi' } })
    t.match(ack, { type: 'ack', to: 'bob', duplicate: false, online: 2 })
    t.notOk('offset' in ack, 'the place in another user’s inbox is nobody’s business')
    for (const client of [phone, laptop]) {
      const message = await client.next(({ type }) => type === 'direct_message')
      t.match(message, { from: 'alice', to: 'bob', content: { text: 'hi' }, message_id: ack.message_id, offset: 1 })
    }
    t.strictSame(direct(alice), [])
  }
)

onEachStore(
  'what came while a device was away is sent to it in order, anew until it is acknowledged',
  async (t, start) => {
    const server = await start()
    for (let n = 1; n <= 5; n++) {
      const sent = { method: 'POST', body: { content: n, from: 'shop' } }
      const { status, body } = await request(`${server.url}/users/bob/messages`, sent)
      t.match({ status, body }, { status: 201, body: { user_id: 'bob', offset: n, online: 0 } })
    }
    const first = await server.connect('/ws?user_id=bob')
    await until(() => direct(first).length === 5)
    t.strictSame(direct(first), [1, 2, 3, 4, 5])
    t.match(await first.ask({ type: 'inbox_ack', offset: 3 }), { type: 'ack', offset: 3 })
    t.match(await first.ask({ type: 'inbox_ack', offset: 2 }), { type: 'ack', offset: 3 }, 'never back')
    t.match(await first.ask({ type: 'inbox_ack', offset: 6 }), { type: 'error', code: 'invalid_message' })
    t.match(await first.ask({ type: 'inbox_ack', offset: 5, epoch: 'another' }), { type: 'ack', offset: 3 })
    first.terminate()

    const again = await server.connect('/ws?user_id=bob')
    await until(() => direct(again).length === 2)
    t.strictSame(direct(again), [4, 5])
    await request(`${server.url}/users/bob/messages`, { method: 'POST', body: { content: 6 } })
    await until(() => direct(again).length === 3)

    const other = await server.connect('/ws?user_id=bob&device_id=other')
    await until(() => direct(other).length === 6)
    t.strictSame(direct(other), [1, 2, 3, 4, 5, 6], 'another device has a cursor of its own, and begins at the oldest')
  }
)

onEachStore(
  'a device whose cursor lies before the oldest message is told the gap, a new one is not',
  async (t, start) => {
    const server = await start({ INBOX_SIZE: 3 })
    const first = await server.connect('/ws?user_id=bob')
    const send = (content: number) => request(`${server.url}/users/bob/messages`, { method: 'POST', body: { content } })
    await send(1)
    await until(() => direct(first).length === 1)
    await first.ask({ type: 'inbox_ack', offset: 1 })
    first.terminate()
    for (let n = 2; n <= 6; n++) await send(n)

    const again = await server.connect('/ws?user_id=bob')
    await until(() => direct(again).length === 3)
    t.match(await again.next(({ action }) => action === 'gap'), { inbox: true, from: 2, to: 3 })
    t.strictSame(direct(again), [4, 5, 6])
    const fresh = await server.connect('/ws?user_id=bob&device_id=fresh')
    await until(() => direct(fresh).length === 3)
    t.notOk(fresh.messages.some(({ action }) => action === 'gap'))
  }
)

onEachStore('a backend reads an inbox, counts what is not acknowledged and acknowledges it', async (t, start) => {
  const server = await start({ INBOX_SIZE: 4 })
  const inbox = async (query = '') => (await request(`${server.url}/users/bob/inbox${query}`)).body
  t.match(await inbox(), {
    user_id: 'bob',
    epoch: null,
    offset: 0,
    cursor: 0,
    unacked: 0,
    messages: [],
    has_more: false
  })
  for (let n = 1; n <= 6; n++)
    await request(`${server.url}/users/bob/messages`, { method: 'POST', body: { content: n } })
  t.match(await inbox('?limit=2'), {
    offset: 6,
    cursor: 2,
    unacked: 4,
    has_more: true,
    messages: [{ content: 3 }, { content: 4 }]
  })
  t.equal((await inbox('?after=5')).messages.length, 1)

  const ack = (body: object) => request(`${server.url}/users/bob/inbox/ack`, { method: 'POST', body })
  t.match(await ack({ offset: 5 }), { status: 200, body: { offset: 5 } })
  t.match(await inbox(), { cursor: 5, unacked: 1, messages: [{ content: 6 }] })
  t.match(await inbox('?device_id=other'), { cursor: 2, unacked: 4 }, 'reading makes no device')
  t.match(await ack({ offset: 7 }), { status: 400, body: { code: 'invalid_message' } })
})

onEachStore('the same message id stores and sends one message, and the batch takes users', async (t, start) => {
  const server = await start()
  const bob = await server.connect('/ws?user_id=bob')
  const alice = await server.connect('/ws?user_id=alice')
  const message = { type: 'direct_message', to: 'bob', content: 1, message_id: 'once' }
  t.match(await alice.ask(message), { duplicate: false })
  t.match(await alice.ask(message), { duplicate: true })
  const items = [
    { user: 'bob', content: 2 },
    { user: 'bob', room: 'r', content: 3 },
    { user: 'anonymous:x', content: 4 },
    { content: 5 }
  ]
  const { body } = await request(`${server.url}/publish`, { method: 'POST', body: { items } })
  t.match(body.results, [
    { user_id: 'bob', offset: 2 },
    { code: 'invalid_message' },
    { code: 'invalid_id' },
    { code: 'invalid_message' }
  ])
  await until(() => direct(bob).length === 2)
  t.strictSame(direct(bob), [1, 2])
})

onEachStore('anonymous users have no inbox', async (t, start) => {
  const server = await start()
  const nobody = await server.connect('/ws')
  t.match(await nobody.ask({ type: 'inbox_ack', offset: 0 }), { type: 'error', code: 'forbidden' })
  const to = `anonymous:${nobody.messages[0]?.connection_id}`
  t.match(await nobody.ask({ type: 'direct_message', to, content: 1 }), { type: 'error', code: 'invalid_id' })
  t.match(await request(`${server.url}/users/${encodeURIComponent(to)}/inbox`), {
    status: 400,
    body: { code: 'invalid_id' }
  })
})

onEachStore('who is there, and when somebody was there last', async (t, start) => {
  const server = await start()
  const state = async (user: string) => (await request(`${server.url}/users/${user}`)).body
  t.strictSame(await state('bob'), { user_id: 'bob', online: false, connections: 0, last_seen: null })
  const bob = await server.connect('/ws?user_id=bob')
  await until(async () => (await state('bob')).online)
  const body = { user_ids: ['bob', 'carol'] }
  t.strictSame((await request(`${server.url}/users/online`, { method: 'POST', body })).body, {
    online: { bob: true, carol: false }
  })
  bob.terminate()
  const gone = await until(
    () => state('bob'),
    ({ online }) => !online
  )
  t.match(gone, { connections: 0, last_seen: /^\d{4}-/ })
})

t.test('on one machine an inbox and its cursors outlive the process', async (t) => {
  const { temporaryFolder } = await import('../support/server-process.js')
  const { startServer } = await import('../support/server.js')
  const DATA_DIR = await temporaryFolder(t)
  const before = await startServer(t, { DATA_DIR })
  for (let n = 1; n <= 3; n++)
    await request(`${before.url}/users/bob/messages`, { method: 'POST', body: { content: n } })
  await request(`${before.url}/users/bob/inbox/ack`, { method: 'POST', body: { offset: 2 } })
  await before.app.close()
  const after = await startServer(t, { DATA_DIR })
  t.match((await request(`${after.url}/users/bob/inbox`)).body, { cursor: 2, unacked: 1, messages: [{ content: 3 }] })
})

t.test('a cursor in a stream that was lost is told by a reset, and everything new follows', async (t) => {
  const { startRedis } = await import('../support/redis-server.js')
  const { startServer } = await import('../support/server.js')
  const { Redis } = await import('ioredis')
  const { url, port } = await startRedis(t)
  const server = await startServer(t, { REDIS_URL: url })
  const send = (content: number) => request(`${server.url}/users/bob/messages`, { method: 'POST', body: { content } })
  for (let n = 1; n <= 5; n++) await send(n)
  await request(`${server.url}/users/bob/inbox/ack`, { method: 'POST', body: { offset: 5 } })
  const redis = new Redis(port, '127.0.0.1')
  t.teardown(() => redis.disconnect())
  // The stream goes, the cursor stays.
  const keys = (await redis.keys('*user:bob*')).filter((key) => !key.includes('cursors'))
  await redis.del(...keys)
  for (let n = 6; n <= 8; n++) await send(n)
  const bob = await server.connect('/ws?user_id=bob')
  t.match(await bob.next(({ action }) => action === 'reset'), { inbox: true, offset: 0 })
  await until(() => direct(bob).length === 3)
  t.strictSame(direct(bob), [6, 7, 8])
})
