import type { Test } from 'tap'
import { onEachStore } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { request, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

const CLIENTS = 50
const ROOM = 'r'
const MISSED = 20
const settings = { PRESENCE_GRACE: 60 }

/** Members of one room that drop together, and miss something. */
async function dropped(server: TestServer): Promise<LiveClient[]> {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, n) => {
      const client = await server.connect(`/ws?user_id=user-${n}`)
      await client.ask({ type: 'join_room', room: ROOM })
      return client
    })
  )
  for (const client of clients) client.terminate()
  await until(() => server.app.pool.size === 0)
  for (let content = 0; content < MISSED; content++) await publish(server, content)
  return clients
}

async function publish(server: TestServer, content: number): Promise<void> {
  await request(`${server.url}/rooms/${ROOM}/messages`, { method: 'POST', body: { content } })
}

async function comeBack(server: TestServer, before: LiveClient): Promise<void> {
  const { session_id, resume_token } = before.messages[0] as Message
  const after = await server.connect()
  const answer = await after.ask({ type: 'resume', session_id, resume_token })
  if (answer.rooms?.[ROOM]?.recovered !== 'full') throw new Error(JSON.stringify(answer))
  await after.collect('chat_message', MISSED)
}

async function historyReads(server: TestServer): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/^roomcast_history_reads_total (\d+)$/m.exec(text)?.[1])
}

/** Calls of the store from now on, by name. */
function countCalls(t: Test, server: TestServer): Map<string, number> {
  const calls = new Map<string, number>()
  const { sessions, presence, removals, cursors, groups, streams } = server.app.store
  for (const [port, of] of Object.entries({ sessions, presence, removals, cursors, groups, streams })) {
    const methods = of as unknown as Record<string, (...given: unknown[]) => unknown>
    for (const method of methodsOf(of)) {
      const original = methods[method]?.bind(of)
      methods[method] = (...given) => {
        calls.set(`${port}.${method}`, (calls.get(`${port}.${method}`) ?? 0) + 1)
        return original?.(...given)
      }
      t.teardown(() => delete methods[method])
    }
  }
  return calls
}

function methodsOf(port: object): string[] {
  const inherited = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(port))
  const own = Object.getOwnPropertyDescriptors(port)
  return Object.entries({ ...(Object.getPrototypeOf(port) === Object.prototype ? {} : inherited), ...own })
    .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
    .map(([name]) => name)
}

onEachStore('fifty that come back into a room at once have logs read three times at most', async (t, start) => {
  const server = await start(settings)
  const before = await dropped(server)
  const readsBefore = await historyReads(server)
  await Promise.all(before.map((client) => comeBack(server, client)))
  const reads = (await historyReads(server)) - readsBefore
  t.ok(reads >= 1 && reads <= 3, `logs were read ${reads} times`)
})

onEachStore('a comeback asks each thing once of the store, and for removals before and after', async (t, start) => {
  const server = await start(settings)
  const before = await dropped(server)
  await comeBack(server, before[0] as LiveClient)
  const calls = countCalls(t, server)
  await comeBack(server, before[1] as LiveClient)
  await until(() => calls.get('presence.leave') === 1 && calls.get('cursors.open') === 1)
  t.strictSame(Object.fromEntries([...calls].sort()), {
    'cursors.open': 1,
    'groups.groupsOf': 1,
    'presence.connect': 1,
    'presence.join': 1,
    'presence.leave': 1,
    'removals.newest': 2,
    'sessions.save': 1,
    'sessions.take': 1,
    'streams.subscribe': 1
  })
})

onEachStore(
  'a new device begins at the oldest message of an inbox, one that was there at its cursor',
  async (t, start) => {
    const server = await start()
    const path = (device: string) => `/ws?user_id=alice&device_id=${device}`
    const send = (content: number) =>
      request(`${server.url}/users/alice/messages`, { method: 'POST', body: { content } })
    const phone = await server.connect(path('phone'))
    await until(() => server.app.messageBus.get('user:alice') !== undefined)
    for (const content of [1, 2]) await send(content)
    const [first] = await phone.collect('direct_message', 2)
    await phone.ask({ type: 'inbox_ack', offset: first?.offset })
    phone.terminate()
    await until(() => server.app.pool.size === 0)
    const reads = await historyReads(server)
    const again = await server.connect(path('phone'))
    await again.collect('direct_message', 1)
    t.match(await again.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
    t.equal((await historyReads(server)) - reads, 1, 'what it has missed is all that is read')
    const tablet = await server.connect(path('tablet'))
    t.strictSame(
      (await tablet.collect('direct_message', 2)).map(({ content }) => content),
      [1, 2]
    )
    t.strictSame(
      again.messages.filter(({ type }) => type === 'direct_message').map(({ content }) => content),
      [2]
    )
  }
)
