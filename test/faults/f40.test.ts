import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { onEachStore, range } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

t.setTimeout(120_000)

const IDS = 120
const AT_ONCE = 20
const settings = { RATE_LIMIT_PER_SECOND: 0, HISTORY_SIZE: 10_000, INBOX_SIZE: 10_000 }

interface Target {
  readonly path: string
  readonly history: string
  readonly type: string
  command(id: string): object
}

const targets: Record<string, Target> = {
  room: {
    path: '/rooms/r/messages',
    history: '/rooms/r/history',
    type: 'chat_message',
    command: (id) => ({ type: 'chat_message', room: 'r', content: id, message_id: id })
  },
  inbox: {
    path: '/users/hearer/messages',
    history: '/users/hearer/inbox',
    type: 'direct_message',
    command: (id) => ({ type: 'direct_message', to: 'hearer', content: id, message_id: id })
  },
  group: {
    path: '/groups/g/messages',
    history: '/groups/g/history',
    type: 'group_message',
    command: (id) => ({ type: 'group_message', group: 'g', content: id, message_id: id })
  }
}

onEachStore('F40: one id at one moment by WebSocket and REST is one message', async (t, start) => {
  await publishTogether(t, [await start(settings)])
})

t.test('F40: one id at one moment from both nodes, by WebSocket and REST, is one message', async (t) => {
  const shared = { ...settings, REDIS_URL: (await startRedis(t)).url, REDIS_PREFIX: randomUUID() }
  await publishTogether(t, [await startServer(t, shared), await startServer(t, shared)])
})

async function publishTogether(t: Test, nodes: readonly TestServer[]): Promise<void> {
  const [{ url }] = nodes as [TestServer]
  for (const user of ['hearer', 'sender']) await request(`${url}/groups/g/members/${user}`, { method: 'PUT' })
  const hearers = await Promise.all(nodes.map((node) => node.connect('/ws?user_id=hearer')))
  for (const hearer of hearers) await hearer.ask({ type: 'join_room', room: 'r' })
  const senders = await Promise.all(nodes.flatMap((node) => [1, 2].map(() => node.connect('/ws?user_id=sender'))))
  for (const [name, target] of Object.entries(targets)) {
    for (let first = 0; first < IDS; first += AT_ONCE) {
      const ids = range(first + 1, first + AT_ONCE).map((n) => `${name} ${n}`)
      const answers = await Promise.all(ids.map((id) => publishEverywhere(target, id, nodes, senders)))
      const faults = answers.flatMap((ofId) => faultsOf(ofId))
      t.strictSame(faults, [], `${name}, from ${first}`)
    }
    await checkStoredOnce(t, url, target, name)
    for (const hearer of hearers) await checkHeardOnce(t, hearer, target)
  }
}

/** The same message by every way there is, all at once. */
async function publishEverywhere(
  target: Target,
  id: string,
  nodes: readonly TestServer[],
  senders: readonly LiveClient[]
): Promise<Message[]> {
  const asHeader = nodes.map(({ url }) => post(url, target, { content: id }, { 'idempotency-key': id }))
  const asField = nodes.map(({ url }) => post(url, target, { content: id, message_id: id }))
  const overSockets = senders.map((sender) => sender.ask(target.command(id)))
  return await Promise.all([...asHeader, ...asField, ...overSockets])
}

async function post(url: string, { path }: Target, body: object, headers?: Record<string, string>): Promise<Message> {
  const answer = await request(`${url}${path}`, { method: 'POST', body, ...(headers && { headers }) })
  return { ...answer.body, status: answer.status }
}

/** One of them stored it; all answer its place, where they tell one, and its time. */
function faultsOf(answers: readonly Message[]): string[] {
  const fresh = answers.filter(({ duplicate }) => duplicate === false)
  const places = new Set(answers.flatMap(({ epoch, offset }) => (offset === undefined ? [] : [`${epoch} ${offset}`])))
  const times = new Set(answers.map(({ timestamp }) => timestamp))
  const isStatusRight = ({ status, duplicate }: Message) => status === undefined || status === (duplicate ? 200 : 201)
  const isOne = fresh.length === 1 && places.size === 1 && times.size === 1 && answers.every(isStatusRight)
  return isOne ? [] : [JSON.stringify(answers)]
}

async function checkStoredOnce(t: Test, url: string, target: Target, name: string): Promise<void> {
  const { body } = await request(`${url}${target.history}?limit=1000`)
  const stored: Message[] = body.messages
  t.strictSame(
    stored.map(({ offset }) => offset),
    range(1, IDS),
    `${name}: offsets without a hole`
  )
  t.equal(new Set(stored.map(({ message_id }) => message_id)).size, IDS, `${name}: each id once`)
}

async function checkHeardOnce(t: Test, { messages }: LiveClient, { type }: Target): Promise<void> {
  const heard = () => messages.filter((message) => message.type === type)
  await until(() => heard().at(-1)?.offset === IDS)
  t.strictSame(
    heard().map(({ offset }) => offset),
    range(1, IDS),
    `${type}: heard once each, in order`
  )
}
