import t, { type Test } from 'tap'
import { chatOf, range } from '../live/each-store.js'
import { type Backend, backend, startNode } from '../queue/ingest-server.js'
import { RestartableRedis } from '../store/restartable-redis.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request } from '../support/server.js'
import { type ServerProcess, startServerProcess } from '../support/server-process.js'
import { until } from '../support/until.js'

const rooms = ['a', 'b', 'c', 'd']

/** What a room is to hear: its share of `count` numbers. */
function shareOf(room: string, count: number): number[] {
  return range(0, count - 1).filter((n) => rooms[n % rooms.length] === room)
}

function chats(from: number, to: number): object[] {
  return range(from, to).map((n) => ({ type: 'chat_message', room: rooms[n % rooms.length], content: n }))
}

async function isActive({ url }: ServerProcess): Promise<boolean> {
  return /^roomcast_ingest_active 1$/m.test(await (await fetch(`${url}/metrics`)).text())
}

async function startProcesses(t: Test, url: string, { prefix }: Backend) {
  const env = { REDIS_URL: url, REDIS_PREFIX: prefix }
  const nodes = await Promise.all([startServerProcess(t, env), startServerProcess(t, env)])
  const active = await until(async () => {
    for (const node of nodes) if (await isActive(node)) return node
    return undefined
  })
  const other = nodes.find((node) => node !== active)
  if (active === undefined || other === undefined) throw new Error('nobody reads')
  const listener = await other.connect('/ws?user_id=alice')
  for (const room of rooms) await listener.ask({ type: 'join_room', room })
  return { active, other, listener }
}

function checkHeard(t: Test, listener: LiveClient, count: number): void {
  for (const room of rooms) {
    t.strictSame(
      chatOf(listener, room).map(({ content }: Message) => content),
      shareOf(room, count),
      `room ${room}: all, once, in order`
    )
  }
}

/** Writes until the active node has some of it read and not handled. */
async function writeUntilPending(from: Backend): Promise<number> {
  for (let written = 0; ; written += 500) {
    await from.addAll(chats(written, written + 499))
    const [pending] = (await from.redis.xpending(from.stream, 'roomcast')) as [number]
    if (pending > 0) return written + 500
  }
}

t.test('a node that is killed while it reads is followed by another, with nothing lost or twice', async (t) => {
  const { url } = await startRedis(t)
  const from = await backend(t, url)
  const { active, other, listener } = await startProcesses(t, url, from)
  const count = await writeUntilPending(from)
  await active.end('SIGKILL')
  const killedAt = performance.now()
  const [pending] = (await from.redis.xpending(from.stream, 'roomcast')) as [number]
  t.ok(pending > 0, `${pending} entries were under way`)
  await from.addAll(chats(count, count + 99))
  await until(() => isActive(other), Boolean, 10_000)
  await until(async () => (await from.length()) === 0)
  t.ok(performance.now() - killedAt < 10_000, 'within ten seconds')
  await listener.collect('chat_message', count + 100)
  checkHeard(t, listener, count + 100)
})

t.test('a node that was paused while it read disturbs nothing when it goes on', async (t) => {
  const { url } = await startRedis(t)
  const from = await backend(t, url)
  const { active, other, listener } = await startProcesses(t, url, from)
  const count = await writeUntilPending(from)
  active.process.kill('SIGSTOP')
  await until(() => isActive(other), Boolean, 10_000)
  await from.addAll(chats(count, count + 199))
  active.process.kill('SIGCONT')
  await from.addAll(chats(count + 200, count + 299))
  await until(async () => (await from.length()) === 0)
  await listener.collect('chat_message', count + 300)
  await until(async () => !(await isActive(active)))
  checkHeard(t, listener, count + 300)
  t.strictSame(await from.deadLetters(), [])
})

t.test('after FLUSHALL what is written next is handled', async (t) => {
  const { url } = await startRedis(t)
  const from = await backend(t, url)
  const server = await startNode(t, url, from)
  await from.add({ type: 'chat_message', room: 'r', content: 0 })
  await until(async () => (await request(`${server.url}/rooms/r`)).body.offset === 1)
  for (const round of [1, 2, 3]) {
    await from.redis.flushall()
    await from.add({ type: 'chat_message', room: 'r', content: round })
    const { body } = await until(
      () => request(`${server.url}/rooms/r/history`),
      ({ body }) => body.messages?.at(-1)?.content === round
    )
    t.equal(body.messages.length, 1)
    await until(async () => (await from.length()) === 0)
  }
})

t.test('after a restart of Redis what is written next is handled', async (t) => {
  const redis = await RestartableRedis.start(t)
  const from = await backend(t, redis.url)
  const server = await startNode(t, redis.url, from, { LOG_LEVEL: 'silent' })
  await until(() => server.app.ingest?.active)
  await from.add({ type: 'chat_message', room: 'r', content: 'before' })
  await until(async () => (await request(`${server.url}/rooms/r`)).body.offset === 1)
  await redis.save()
  await redis.crash()
  const after = await backend(t, redis.url)
  await after.redis.xadd(from.stream, '*', 'message', '{"type":"chat_message","room":"r","content":"after"}')
  const { body } = await until(
    () => request(`${server.url}/rooms/r/history`),
    ({ body }) => body.messages?.at(-1)?.content === 'after'
  )
  t.strictSame(
    body.messages.map(({ content }: Message) => content),
    ['before', 'after']
  )
})

t.test('while Redis hangs nothing is lost, and nothing becomes a dead letter', async (t) => {
  const { url, process } = await startRedis(t)
  const from = await backend(t, url)
  const server = await startNode(t, url, from, { LOG_LEVEL: 'silent' })
  const listener = await server.connect('/ws?user_id=alice')
  for (const room of rooms) await listener.ask({ type: 'join_room', room })
  await until(() => server.app.ingest?.active)
  const count = await writeUntilPending(from)
  process.kill('SIGSTOP')
  await until(() => server.app.counters.failures > 0)
  process.kill('SIGCONT')
  await listener.collect('chat_message', count)
  await until(async () => (await from.length()) === 0)
  checkHeard(t, listener, count)
  t.strictSame(await from.deadLetters(), [])
})
