import { randomUUID } from 'node:crypto'
import t from 'tap'
import { startRedis } from '../support/redis-server.js'
import { request, startServer } from '../support/server.js'
import { startServerProcess } from '../support/server-process.js'
import { until } from '../support/until.js'

t.test('200 messages sent from two nodes reach members on both in one order, offsets 1 to 200', async (t) => {
  const REDIS_URL = (await startRedis(t)).url
  const settings = { REDIS_URL, REDIS_PREFIX: randomUUID() }
  const nodes = [await startServer(t, settings), await startServer(t, settings)] as const
  const [alice, bob] = [await nodes[0].connect('/ws?user_id=alice'), await nodes[1].connect('/ws?user_id=bob')]
  for (const client of [alice, bob]) await client.ask({ type: 'join_room', room: 'lobby' })
  for (let n = 0; n < 100; n++) {
    alice.send({ type: 'chat_message', id: `a${n}`, room: 'lobby', content: `alice ${n}` })
    bob.send({ type: 'chat_message', id: `b${n}`, room: 'lobby', content: `bob ${n}` })
  }
  const heard = await Promise.all([alice.collect('chat_message', 200), bob.collect('chat_message', 200)])
  const orders = heard.map((messages) => messages.map(({ offset, message_id }) => `${offset} ${message_id}`))
  t.strictSame(orders[0], orders[1], 'both hear the same order')
  t.strictSame(
    heard[0].map(({ offset }) => offset),
    Array.from({ length: 200 }, (_, index) => index + 1)
  )
  for (const name of ['alice', 'bob']) {
    const contents = heard[0].map(({ content }) => content).filter((content: string) => content.startsWith(name))
    t.strictSame(
      contents,
      Array.from({ length: 100 }, (_, n) => `${name} ${n}`),
      `what ${name} sent is in the order it was sent`
    )
  }
})

t.test('nodes share presence, history, signals and broadcasts', async (t) => {
  const REDIS_URL = (await startRedis(t)).url
  const settings = { REDIS_URL, REDIS_PREFIX: randomUUID() }
  const nodes = [await startServer(t, settings), await startServer(t, settings)] as const
  const alice = await nodes[0].connect('/ws?user_id=alice')
  const tab = await nodes[1].connect('/ws?user_id=alice')
  const bob = await nodes[1].connect('/ws?user_id=bob')
  t.match(await alice.ask({ type: 'join_room', room: 'lobby' }), { online_count: 1 })
  t.match(await tab.ask({ type: 'join_room', room: 'lobby' }), { online_count: 1 }, 'one user, two connections')
  t.match(await bob.ask({ type: 'join_room', room: 'lobby' }), { online_count: 2 })
  await alice.next(({ action, user_id }) => action === 'user_joined' && user_id === 'bob')
  t.equal(alice.messages.filter(({ action, user_id }) => action === 'user_joined' && user_id === 'alice').length, 1)

  bob.send({ type: 'signal', room: 'lobby', content: 'typing' })
  for (const client of [alice, tab]) t.match(await client.next(({ type }) => type === 'signal'), { user_id: 'bob' })

  await request(`${nodes[1].url}/broadcast`, { method: 'POST', body: { content: 'all' } })
  for (const client of [alice, tab, bob])
    t.match(await client.next(({ type }) => type === 'broadcast'), { content: 'all' })
  t.equal(bob.messages.filter(({ type }) => type === 'signal').length, 0, 'a signal does not come back to its sender')

  for (const { url } of nodes) {
    t.match((await request(`${url}/rooms/lobby/online`)).body, { online_count: 2, connections: 3 })
    const online = { connections: 3, users: 2, rooms: 1, nodes: 2 }
    await until(
      async () => (await request(`${url}/online`)).body,
      (body) => body.connections === online.connections
    )
    t.match((await request(`${url}/online`)).body, online)
  }
  alice.terminate()
  await bob.ask({ type: 'leave_room', room: 'lobby' })
  await until(
    async () => (await request(`${nodes[0].url}/rooms/lobby/online`)).body,
    ({ online_count, connections }) => online_count === 1 && connections === 1
  )
})

t.test('the members of a node that was killed are gone within ten seconds, and the others are told once', async (t) => {
  const REDIS_URL = (await startRedis(t)).url
  const env = { REDIS_URL, REDIS_PREFIX: randomUUID() }
  const [killed, left] = await Promise.all([startServerProcess(t, env), startServerProcess(t, env)])
  const ghost = await killed.connect('/ws?user_id=ghost')
  const alice = await left.connect('/ws?user_id=alice')
  const aliceElsewhere = await killed.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'lobby' })
  for (const client of [ghost, aliceElsewhere]) await client.ask({ type: 'join_room', room: 'lobby' })
  t.match((await request(`${left.url}/rooms/lobby/online`)).body, { online_count: 2, connections: 3 })

  // Before one full lease after its own start a node judges nobody.
  await until(async () => (await request(`${left.url}/stats`)).body.uptime_seconds > 8)
  await killed.end('SIGKILL')
  const killedAt = performance.now()
  const counts = await until(
    async () => (await request(`${left.url}/rooms/lobby/online`)).body,
    ({ connections }) => connections === 1
  )
  t.ok(performance.now() - killedAt < 10_500, 'within ten seconds')
  t.match(counts, { online_count: 1, connections: 1 }, 'a user with a connection elsewhere stays')
  await alice.next(({ action, user_id }) => action === 'user_left' && user_id === 'ghost')
  const totals = await until(
    async () => (await request(`${left.url}/online`)).body,
    ({ users }) => users === 1
  )
  t.match(totals, { connections: 1, users: 1, rooms: 1, nodes: 1 })

  const { body } = await request(`${left.url}/rooms/lobby/members`)
  t.match(body.members, [{ user_id: 'alice', connections: 1 }])
  t.equal(alice.messages.filter(({ action }) => action === 'user_left').length, 1)
})
