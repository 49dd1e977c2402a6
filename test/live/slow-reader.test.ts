import t from 'tap'
import type { LiveClient, Message } from '../support/live-client.js'
import { request, type TestServer } from '../support/server.js'
import { startServerProcess } from '../support/server-process.js'
import { until } from '../support/until.js'
import { allAnswered, chatOf, offsetsOf, onEachStore, range } from './each-store.js'

t.setTimeout(180_000)

const KB = 1024
const MB = 1024 * KB
const text = 'x'.repeat(60_000)
/** 30 MB. */
const COUNT = 500
const settings = { RATE_LIMIT_PER_SECOND: 0, SLOW_CONSUMER_BYTES: 64 * KB }
/** What the system itself takes of a socket that nobody reads, and one page of the log. */
const QUEUED_MAX = 12 * MB

async function publish(publisher: LiveClient, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) {
    publisher.send({ type: 'chat_message', room: 'r', content: text })
    if (n % 20 === 0) await allAnswered(publisher)
  }
  await allAnswered(publisher)
}

/** Bytes that wait in the server for a connection. */
function queuedFor(server: TestServer, client: LiveClient): number {
  return server.app.pool.get(client.messages[0]?.connection_id)?.outbox.bufferedBytes ?? 0
}

async function member(server: TestServer, name: string): Promise<LiveClient> {
  const client = await server.connect(`/ws?user_id=${name}`)
  await client.ask({ type: 'join_room', room: 'r' })
  return client
}

onEachStore('one that does not read holds nobody up, is not queued for, and misses nothing later', async (t, start) => {
  const server = await start(settings)
  const publisher = await server.connect('/ws?user_id=publisher')
  const [slow, fast] = [await member(server, 'slow'), await member(server, 'fast')]
  slow.socket.pause()
  await publish(publisher, COUNT)
  await until(() => chatOf(fast, 'r').length === COUNT)
  t.ok(queuedFor(server, slow) < QUEUED_MAX, `${queuedFor(server, slow)} bytes are queued`)
  t.ok(chatOf(slow, 'r').length < COUNT)
  slow.socket.resume()
  await until(() => chatOf(slow, 'r').at(-1)?.offset === COUNT)
  t.strictSame(offsetsOf(chatOf(slow, 'r')), range(1, COUNT), 'everything in order, none twice')
  await publish(publisher, 5)
  await until(() => chatOf(slow, 'r').at(-1)?.offset === COUNT + 5)
  t.strictSame(offsetsOf(chatOf(slow, 'r')), range(1, COUNT + 5), 'and live again')
  t.notOk(slow.messages.some(({ action }) => action === 'gap' || action === 'reset'))
})

onEachStore('what a slow reader cannot have any more is told as a gap in its place', async (t, start) => {
  const server = await start({ ...settings, HISTORY_SIZE: 50 })
  const publisher = await server.connect('/ws?user_id=publisher')
  const slow = await member(server, 'slow')
  slow.socket.pause()
  await publish(publisher, COUNT)
  slow.socket.resume()
  await until(() => chatOf(slow, 'r').at(-1)?.offset === COUNT)
  const gaps = slow.messages.filter(({ action }) => action === 'gap')
  t.ok(gaps.length > 0)
  const epoch = chatOf(slow, 'r')[0]?.epoch
  const { from, to } = gaps[0] ?? {}
  t.strictSame(gaps[0], { type: 'system', action: 'gap', room: 'r', epoch, from, to })
  const told = slow.messages.flatMap((m) => {
    if (m.type === 'chat_message') return [m.offset as number]
    return m.action === 'gap' ? range(m.from, m.to) : []
  })
  t.strictSame(told, range(1, COUNT), 'messages and gaps together are everything, in order')
})

onEachStore('signals to a slow reader are dropped, answers are not', async (t, start) => {
  const server = await start(settings)
  const publisher = await server.connect('/ws?user_id=publisher')
  const slow = await member(server, 'slow')
  slow.socket.pause()
  await publish(publisher, 200)
  slow.send({ type: 'heartbeat', id: 'beat' })
  slow.send({ type: 'chat_message', room: 'r', content: 'mine', id: 'mine' })
  for (let n = 0; n < 50; n++) publisher.send({ type: 'signal', room: 'r', content: n })
  await allAnswered(publisher)
  slow.socket.resume()
  await slow.next(({ id }) => id === 'beat')
  t.match(await slow.next(({ id }) => id === 'mine'), { type: 'ack', offset: 201 })
  await until(() => chatOf(slow, 'r').at(-1)?.offset === 201)
  t.strictSame(offsetsOf(chatOf(slow, 'r')), range(1, 201))
  t.notOk(slow.messages.some(({ type }) => type === 'signal'))
})

onEachStore('a replay follows the pace of its reader', async (t, start) => {
  const server = await start(settings)
  const publisher = await server.connect('/ws?user_id=publisher')
  const { epoch } = await publisher.ask({ type: 'chat_message', room: 'r', content: text })
  await publish(publisher, COUNT - 1)
  for (const ask of [{ since: { epoch, offset: 0 } }, { last: 1000 }] as Message[]) {
    const slow = await server.connect('/ws?user_id=slow')
    slow.socket.pause()
    slow.send({ type: 'join_room', room: 'r', ...ask, id: 'join' })
    await until(async () => (await request(`${server.url}/rooms/r`)).body.connections === 1)
    await publish(publisher, 1)
    t.ok(queuedFor(server, slow) < QUEUED_MAX, `${queuedFor(server, slow)} bytes are queued for ${JSON.stringify(ask)}`)
    slow.socket.resume()
    t.match(await slow.next(({ id }) => id === 'join'), { recovered: 'full' })
    const { offset } = await publisher.ask({ type: 'chat_message', room: 'r', content: 'end' })
    await until(() => chatOf(slow, 'r').at(-1)?.offset === offset)
    t.strictSame(offsetsOf(chatOf(slow, 'r')), range(1, offset), JSON.stringify(ask))
    slow.terminate()
    await until(async () => (await request(`${server.url}/rooms/r`)).body.connections === 0)
  }
})

onEachStore(
  'one that asks for far more than it reads is not read any more until it has taken its answers',
  async (t, start) => {
    const server = await start(settings)
    const publisher = await server.connect('/ws?user_id=publisher')
    await publish(publisher, 100)
    const greedy = await server.connect('/ws?user_id=greedy')
    greedy.socket.pause()
    for (let n = 0; n < 40; n++) greedy.send({ type: 'read_history', room: 'r', limit: 1000, id: `${n}` })
    await until(() => queuedFor(server, greedy) > 100 * KB)
    await publish(publisher, 50)
    t.ok(queuedFor(server, greedy) < 5 * QUEUED_MAX, `${queuedFor(server, greedy)} bytes are queued`)
    greedy.socket.resume()
    await until(() => greedy.messages.length === 41)
    t.strictSame(new Set(greedy.messages.slice(1).map(({ id }) => id)), new Set(range(0, 39).map(String)))
  }
)

t.test('the memory of the server does not grow with what slow readers have not taken', async (t) => {
  const server = await startServerProcess(t, {
    DATA_DIR: 'memory',
    RATE_LIMIT_PER_SECOND: '0',
    SLOW_CONSUMER_BYTES: String(64 * KB),
    HISTORY_SIZE: '20'
  })
  const publisher = await server.connect('/ws?user_id=publisher')
  // The resident memory is what the allocator gives back when it likes: the heap and what hangs on it are what is kept.
  const kept = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    const bytes = (name: string) => Number(new RegExp(`^roomcast_nodejs_${name}_bytes (.+)`, 'm').exec(text)?.[1])
    return bytes('heap_size_used') + bytes('external_memory')
  }
  const fast = await server.connect('/ws?user_id=fast')
  await fast.ask({ type: 'join_room', room: 'r' })
  await publish(publisher, COUNT)
  const before = await kept()
  for (let n = 0; n < 5; n++) {
    const slow = await server.connect(`/ws?user_id=slow${n}`)
    await slow.ask({ type: 'join_room', room: 'r' })
    slow.socket.pause()
  }
  // 240 MB: nothing of it may stay but the history and what the sockets hold.
  await publish(publisher, 8 * COUNT)
  await until(() => chatOf(fast, 'r').length === 9 * COUNT)
  await until(async () => {
    await request(`${server.url}/rooms/r/history?limit=20`)
    return (await kept()) - before < 100 * MB
  })
})
