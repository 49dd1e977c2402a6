import t from 'tap'
import type { LiveClient, Message } from '../support/live-client.js'
import { request } from '../support/server.js'
import { until } from '../support/until.js'
import { isoWithMilliseconds, onEachStore } from './each-store.js'

t.setTimeout(150_000)

function eventsOf(client: LiveClient, userId: string): string[] {
  return client.messages.filter((m) => m.user_id === userId && m.type === 'system' && 'room' in m).map((m) => m.action)
}

/** Another user has come and gone: what happened before has been heard. */
async function heardEverything(client: LiveClient, other: LiveClient, room: string): Promise<void> {
  await other.ask({ type: 'signal', room, content: 'heard' })
  await client.next((m) => m.type === 'signal' && m.content === 'heard')
}

onEachStore(
  'a join is told to every member, the joiner included, with exactly the documented fields',
  async (t, start) => {
    const server = await start()
    const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
    await alice.ask({ type: 'join_room', room: 'r' })
    await alice.next((m) => m.action === 'user_joined')
    await bob.ask({ type: 'join_room', room: 'r' })
    for (const client of [alice, bob]) {
      const { timestamp, ...event } = await client.next((m) => m.action === 'user_joined' && m.user_id === 'bob')
      t.strictSame(event, { type: 'system', action: 'user_joined', room: 'r', user_id: 'bob', online_count: 2 })
      t.match(timestamp, isoWithMilliseconds)
    }
    await bob.ask({ type: 'leave_room', room: 'r' })
    const { timestamp, ...event } = await alice.next((m) => m.action === 'user_left')
    t.strictSame(event, { type: 'system', action: 'user_left', room: 'r', user_id: 'bob', online_count: 1 })
    t.match(timestamp, isoWithMilliseconds)
  }
)

onEachStore('a user with three tabs joins once and leaves once', async (t, start) => {
  const server = await start()
  const [watcher, other] = [await server.connect('/ws?user_id=watcher'), await server.connect('/ws?user_id=other')]
  await watcher.ask({ type: 'join_room', room: 'r' })
  const tabs: LiveClient[] = []
  for (const _ of [1, 2, 3]) {
    const tab = await server.connect('/ws?user_id=alice')
    t.equal((await tab.ask({ type: 'join_room', room: 'r' })).online_count, 2)
    tabs.push(tab)
  }
  await heardEverything(watcher, other, 'r')
  t.strictSame(eventsOf(watcher, 'alice'), ['user_joined'])
  t.match((await request(`${server.url}/rooms/r`)).body, { online_count: 2, connections: 4 })

  await tabs[0]?.ask({ type: 'leave_room', room: 'r' })
  tabs[1]?.socket.close()
  await until(async () => (await request(`${server.url}/rooms/r`)).body.connections === 2)
  await heardEverything(watcher, other, 'r')
  t.strictSame(eventsOf(watcher, 'alice'), ['user_joined'], 'one tab is still in')
  tabs[2]?.terminate()
  const left = await watcher.next((m) => m.action === 'user_left')
  t.match(left, { user_id: 'alice', online_count: 1 })
  await heardEverything(watcher, other, 'r')
  t.strictSame(eventsOf(watcher, 'alice'), ['user_joined', 'user_left'])
  t.match((await request(`${server.url}/rooms/r`)).body, { online_count: 1, connections: 1 })
})

for (const [how, end] of [
  ['with 1000', (client: LiveClient) => client.socket.close(1000)],
  ['without a code', (client: LiveClient) => client.socket.close()],
  ['by dropping the line', (client: LiveClient) => client.terminate()]
] as const) {
  onEachStore(`a connection that ends ${how} leaves all its rooms`, async (t, start) => {
    const server = await start()
    const [watcher, alice] = [await server.connect('/ws?user_id=watcher'), await server.connect('/ws?user_id=alice')]
    for (const room of ['a', 'b']) {
      await watcher.ask({ type: 'join_room', room })
      await alice.ask({ type: 'join_room', room })
    }
    await alice.ask({ type: 'join_room', room: 'only alice' })
    end(alice)
    for (const room of ['a', 'b']) {
      await watcher.next((m) => m.action === 'user_left' && m.room === room && m.online_count === 1)
    }
    await until(async () => (await request(`${server.url}/online`)).body.users === 1)
    t.match((await request(`${server.url}/online`)).body, { connections: 1, users: 1, rooms: 2 })
    t.match((await request(`${server.url}/rooms/only%20alice`)).body, { online_count: 0, connections: 0 })
  })
}

onEachStore('joins and leaves sent in one go end in the right count', async (t, start) => {
  const server = await start()
  const [watcher, other] = [await server.connect('/ws?user_id=watcher'), await server.connect('/ws?user_id=other')]
  await watcher.ask({ type: 'join_room', room: 'r' })
  const alice = await server.connect('/ws?user_id=alice')
  for (let round = 0; round < 20; round++) {
    alice.send({ type: 'join_room', room: 'r' })
    alice.send({ type: 'leave_room', room: 'r' })
  }
  await alice.ask({ type: 'leave_room', room: 'r' })
  await heardEverything(watcher, other, 'r')
  const events = eventsOf(watcher, 'alice')
  t.strictSame(
    events,
    events.map((_, index) => (index % 2 === 0 ? 'user_joined' : 'user_left')),
    'they alternate'
  )
  t.equal(events.at(-1), 'user_left')
  t.match((await request(`${server.url}/rooms/r`)).body, { online_count: 1, connections: 1 })
})

function countsOf(client: LiveClient): Message[] {
  return client.messages.filter(({ action }) => action === 'online_count')
}

/** Who came and who went, by names and by counts. */
function sumsOf(client: LiveClient): { joined: number; left: number } {
  const named = (action: string) => client.messages.filter((m) => m.action === action).length
  const counted = (field: 'joined' | 'left') => countsOf(client).reduce((sum, m) => sum + m[field], 0)
  return { joined: named('user_joined') + counted('joined'), left: named('user_left') + counted('left') }
}

onEachStore('a room over PRESENCE_EVENTS_MAX hears counts, at most one a second, that add up', async (t, start) => {
  const server = await start({ PRESENCE_EVENTS_MAX: 3 })
  const watcher = await server.connect('/ws?user_id=watcher')
  await watcher.ask({ type: 'join_room', room: 'r' })
  const users = await Promise.all(Array.from({ length: 12 }, (_, n) => server.connect(`/ws?user_id=u${n}`)))
  for (const user of users) await user.ask({ type: 'join_room', room: 'r' })
  await until(() => countsOf(watcher).at(-1)?.online_count === 13)
  await until(() => sumsOf(watcher).joined === 13)
  const [{ timestamp, ...first } = {}] = countsOf(watcher)
  t.strictSame(Object.keys(first).sort(), ['action', 'joined', 'left', 'online_count', 'room', 'type'])
  t.match(first, { type: 'system', room: 'r' })
  t.match(timestamp, isoWithMilliseconds)
  t.ok(
    watcher.messages.filter(({ action }) => action === 'user_joined').every(({ online_count }) => online_count <= 3),
    'names only up to the limit'
  )
  for (const user of users.slice(0, 9)) user.terminate()
  await until(() => sumsOf(watcher).left === 9)
  const last = watcher.messages.filter((m) => 'online_count' in m && m.type === 'system').at(-1)
  t.equal(last?.online_count, 4)
  t.equal(sumsOf(watcher).joined, 13)
  const times = countsOf(watcher).map((m) => Date.parse(m.timestamp))
  const gaps = times.slice(1).map((time, index) => time - (times[index] as number))
  t.ok(
    gaps.every((gap) => gap >= 990),
    `at most one a second: ${gaps}`
  )
})

onEachStore('a room that shrinks to PRESENCE_EVENTS_MAX hears names again', async (t, start) => {
  const server = await start({ PRESENCE_EVENTS_MAX: 2 })
  const watcher = await server.connect('/ws?user_id=watcher')
  await watcher.ask({ type: 'join_room', room: 'r' })
  const users = await Promise.all(['a', 'b', 'c'].map((name) => server.connect(`/ws?user_id=${name}`)))
  for (const user of users) await user.ask({ type: 'join_room', room: 'r' })
  await until(() => sumsOf(watcher).joined === 4)
  for (const user of users) await user.ask({ type: 'leave_room', room: 'r' })
  t.match(await watcher.next((m) => m.action === 'user_left' && m.user_id === 'c'), { online_count: 1 })
  await until(() => sumsOf(watcher).left === 3)
})

onEachStore('with PRESENCE_EVENTS_MAX=0 nobody hears a name', async (t, start) => {
  const server = await start({ PRESENCE_EVENTS_MAX: 0 })
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  await alice.ask({ type: 'join_room', room: 'r' })
  await bob.ask({ type: 'join_room', room: 'r' })
  await bob.ask({ type: 'leave_room', room: 'r' })
  await alice.ask({ type: 'signal', room: 'r', content: 1 })
  await until(() => sumsOf(alice).left === 1)
  t.notOk(alice.messages.some(({ action }) => action === 'user_joined' || action === 'user_left'))
  t.strictSame(sumsOf(alice), { joined: 2, left: 1 })
})
