import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { onEachStore } from '../live/each-store.js'
import type { LiveClient } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { startServerProcess } from '../support/server-process.js'
import { until } from '../support/until.js'
import { Random } from './support/random.js'

t.setTimeout(120_000)

const users = ['ann', 'ben', 'cid'] as const
const STEPS = 60

interface Tab {
  readonly userId: string
  readonly client: LiveClient
  inRoom: boolean
}

/** What a client heard of users that came and went: `+USER COUNT` and `-USER COUNT`. */
function movesHeardBy({ messages }: LiveClient): string[] {
  return messages
    .filter(({ action }) => action === 'user_joined' || action === 'user_left')
    .map(({ action, user_id, online_count }) => `${action === 'user_joined' ? '+' : '-'}${user_id} ${online_count}`)
}

/** Users with their tabs, and what the counts and the events have to be. */
class Household {
  readonly tabs: Tab[] = []
  readonly moves: string[] = ['+watcher 1']
  readonly #server: TestServer

  constructor(server: TestServer) {
    this.#server = server
  }

  /** With the watcher. */
  get online(): number {
    return 1 + new Set(this.#inRoom.map(({ userId }) => userId)).size
  }

  get #inRoom(): Tab[] {
    return this.tabs.filter(({ inRoom }) => inRoom)
  }

  async open(userId: string): Promise<void> {
    this.tabs.push({ userId, client: await this.#server.connect(`/ws?user_id=${userId}`), inRoom: false })
  }

  async join(tab: Tab): Promise<void> {
    this.#change(tab, () => {
      tab.inRoom = true
    })
    await tab.client.ask({ type: 'join_room', room: 'r' })
  }

  async leave(tab: Tab): Promise<void> {
    this.#change(tab, () => {
      tab.inRoom = false
    })
    await tab.client.ask({ type: 'leave_room', room: 'r' })
  }

  end(tab: Tab, how: 'close' | 'die'): void {
    this.#change(tab, () => {
      this.tabs.splice(this.tabs.indexOf(tab), 1)
    })
    if (how === 'close') tab.client.socket.close(1000)
    else tab.client.terminate()
  }

  async check(watcher: LiveClient): Promise<void> {
    const { url } = this.#server
    const room = { online_count: this.online, connections: 1 + this.#inRoom.length }
    await until(
      async () => (await request(`${url}/rooms/r/online`)).body,
      ({ online_count, connections }) => online_count === room.online_count && connections === room.connections
    )
    for (const userId of users) {
      const count = this.tabs.filter((tab) => tab.userId === userId).length
      await until(
        async () => (await request(`${url}/users/${userId}`)).body,
        ({ online, connections }) => connections === count && online === count > 0
      )
    }
    await until(() => movesHeardBy(watcher).length >= this.moves.length)
  }

  /** A user comes with the first tab and goes with the last. */
  #change({ userId }: Tab, change: () => void): void {
    const isIn = () => this.#inRoom.some((tab) => tab.userId === userId)
    const before = isIn()
    change()
    if (before !== isIn()) this.moves.push(`${before ? '-' : '+'}${userId} ${this.online}`)
  }
}

onEachStore('F42: a user is there until the last tab is gone, however each goes', async (t, start) => {
  const server = await start({ RATE_LIMIT_PER_SECOND: 0 })
  const watcher = await server.connect('/ws?user_id=watcher')
  await watcher.ask({ type: 'join_room', room: 'r' })
  for (const user of ['ann', 'ben']) await request(`${server.url}/groups/g/members/${user}`, { method: 'PUT' })
  const household = new Household(server)
  const random = new Random(42)
  for (let step = 0; step < STEPS; step++) {
    const tab = household.tabs.length === 0 ? undefined : random.pick(household.tabs)
    if (tab === undefined || (household.tabs.length < 8 && random.next() < 0.3))
      await household.open(random.pick(users))
    else if (random.next() < 0.3) household.end(tab, random.pick(['close', 'die']))
    else if (random.next() < 0.7) await household.join(tab)
    else await household.leave(tab)
    await household.check(watcher)
  }
  t.strictSame(movesHeardBy(watcher), household.moves, 'one event for each coming and going')
  t.ok(household.moves.length > 15, `${household.moves.length} events`)
  await checkGroup(t, server, household)
})

/** A member hears its group once on each of its sessions, and nobody else does. */
async function checkGroup(t: Test, server: TestServer, household: Household): Promise<void> {
  for (const userId of users) await household.open(userId)
  const heardBy = ({ client }: Tab) => client.messages.filter(({ type }) => type === 'group_message').length
  const isMember = ({ userId }: Tab) => userId !== 'cid'
  await until(() => household.tabs.filter(isMember).every(({ client }) => hearsGroup(server, client)))
  await request(`${server.url}/groups/g/messages`, { method: 'POST', body: { content: 'hi' } })
  await until(() => household.tabs.filter(isMember).every((tab) => heardBy(tab) > 0))
  for (const tab of household.tabs) t.equal(heardBy(tab), isMember(tab) ? 1 : 0, tab.userId)
}

function hearsGroup({ app }: TestServer, client: LiveClient): boolean {
  const connection = app.pool.get(client.messages[0]?.connection_id)
  return connection !== undefined && app.feeds.has(connection, 'group:g')
}

for (const order of ['the one that dies first', 'the one that closes first'] as const) {
  t.test(`F42: of two tabs one dies and one closes, ${order}: one event, when the grace is over`, async (t) => {
    const clock = new ManualClock()
    const server = await startServer(t, { PRESENCE_GRACE: 10 }, { clock })
    const watcher = await server.connect('/ws?user_id=watcher')
    const [dies, closes] = [await server.connect('/ws?user_id=ann'), await server.connect('/ws?user_id=ann')]
    for (const client of [watcher, dies, closes]) await client.ask({ type: 'join_room', room: 'r' })
    const ends = [() => dies.terminate(), () => closes.socket.close(1000)]
    for (const end of order === 'the one that dies first' ? ends : ends.reverse()) end()
    await until(() => server.app.pool.size === 1)
    await until(async () => (await request(`${server.url}/rooms/r/online`)).body.connections === 2)
    t.match(
      (await request(`${server.url}/rooms/r/online`)).body,
      { online_count: 2 },
      'the grace of the dead one lasts'
    )
    clock.advance(9999)
    t.strictSame(movesHeardBy(watcher), ['+watcher 1', '+ann 2'])
    clock.advance(1)
    await until(() => movesHeardBy(watcher).length === 3)
    t.strictSame(movesHeardBy(watcher).at(-1), '-ann 1')
    t.match((await request(`${server.url}/rooms/r/online`)).body, { online_count: 1, connections: 1 })
  })
}

t.test(
  'F42: tabs on a node that is killed and tabs that close, in either order, are one event for a user',
  async (t) => {
    const env = { REDIS_URL: (await startRedis(t)).url, REDIS_PREFIX: randomUUID(), PRESENCE_GRACE: '0' }
    const [doomed, living] = await Promise.all([startServerProcess(t, env), startServerProcess(t, env)])
    for (const user of users) await request(`${living.url}/groups/g/members/${user}`, { method: 'PUT' })
    const watcher = await living.connect('/ws?user_id=watcher')
    await watcher.ask({ type: 'join_room', room: 'r' })
    const open = async (node: typeof living, user: string) => {
      const client = await node.connect(`/ws?user_id=${user}`)
      await client.ask({ type: 'join_room', room: 'r' })
      return client
    }
    // Ann's other tab stays, Ben's closes before the node dies, Cid has none.
    const ann = await open(living, 'ann')
    const ben = await open(living, 'ben')
    for (const user of users) await open(doomed, user)
    ben.socket.close(1000)
    const counts = async () => (await request(`${living.url}/rooms/r/online`)).body
    await until(counts, ({ online_count, connections }) => online_count === 4 && connections === 5)
    t.strictSame(movesHeardBy(watcher).length, 4)

    // Before one full lease after its own start a node judges nobody.
    await until(async () => (await request(`${living.url}/stats`)).body.uptime_seconds > 8)
    await doomed.end('SIGKILL')
    await until(counts, ({ online_count, connections }) => online_count === 2 && connections === 2)
    await until(() => movesHeardBy(watcher).length === 6)
    t.strictSame(
      movesHeardBy(watcher)
        .slice(4)
        .map((move) => move.split(' ')[0])
        .sort(),
      ['-ben', '-cid']
    )
    const online = async () =>
      (await request(`${living.url}/users/online`, { method: 'POST', body: { user_ids: users } })).body.online
    t.strictSame(await until(online, ({ ben }) => ben === false), { ann: true, ben: false, cid: false })
    await request(`${living.url}/groups/g/messages`, { method: 'POST', body: { content: 'hi' } })
    t.match(await ann.next(({ type }) => type === 'group_message'), { content: 'hi', offset: 1 })

    ann.socket.close(1000)
    await until(counts, ({ online_count, connections }) => online_count === 1 && connections === 1)
    await until(() => movesHeardBy(watcher).length === 7)
    t.equal(movesHeardBy(watcher).at(-1), '-ann 1')
    t.match((await request(`${living.url}/groups/g/members`)).body.members.length, 3, 'who is away stays in the group')
  }
)
