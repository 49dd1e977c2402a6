import type { Test } from 'tap'
import { chatOf, offsetsOf, onEachStore, range } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { request, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

const CLIENTS = 300
const ROOM = 'r'

const publish = (server: TestServer, content: number) =>
  request(`${server.url}/rooms/${ROOM}/messages`, { method: 'POST', body: { content } })

/** Counts how often the log of a room is read from now on. */
function countReads(server: TestServer): () => number {
  const { streams } = server.app.store
  const read = streams.read.bind(streams)
  let reads = 0
  streams.read = async (channel, query) => {
    if (channel === `room:${ROOM}`) reads++
    return await read(channel, query)
  }
  return () => reads
}

async function comeBack(server: TestServer, before: LiveClient, positions?: object): Promise<LiveClient> {
  const { session_id, resume_token } = before.messages[0] as Message
  const after = await server.connect()
  const asked = { type: 'resume', session_id, resume_token, ...(positions && { positions }) }
  const answer = await after.ask(asked)
  if (answer.rooms?.[ROOM]?.recovered !== 'full') throw new Error(JSON.stringify(answer))
  return after
}

async function joined(server: TestServer): Promise<LiveClient[]> {
  return await Promise.all(
    Array.from({ length: CLIENTS }, async (_, n) => {
      const client = await server.connect(`/ws?user_id=user-${n}`)
      await client.ask({ type: 'join_room', room: ROOM })
      return client
    })
  )
}

async function hearAll(t: Test, clients: readonly LiveClient[], expected: (n: number) => number[]): Promise<void> {
  for (const [n, client] of clients.entries()) {
    const wanted = expected(n)
    await until(() => chatOf(client, ROOM).length >= wanted.length)
    if (offsetsOf(chatOf(client, ROOM)).join() !== wanted.join()) t.fail(`client ${n} heard something else`)
  }
  t.pass('every client has what it missed, in order and once')
}

onEachStore('hundreds that resume one room at once have its log read a few times', async (t, start) => {
  const server = await start({ PRESENCE_GRACE: 60, PRESENCE_EVENTS_MAX: 1 })
  const before = await joined(server)
  for (const client of before) client.terminate()
  await until(() => server.app.pool.size === 0)
  for (let n = 1; n <= 40; n++) await publish(server, n)
  const reads = countReads(server)
  const after = await Promise.all(before.map((client) => comeBack(server, client)))
  await hearAll(t, after, () => range(1, 40))
  t.ok(reads() <= 12, `the log was read ${reads()} times for ${CLIENTS} sessions`)
})

onEachStore('so do those that stand at many different places', async (t, start) => {
  const server = await start({ PRESENCE_GRACE: 60, PRESENCE_EVENTS_MAX: 1 })
  const before = await joined(server)
  const published: Message[] = []
  for (let n = 1; n <= 100; n++) published.push((await publish(server, n)).body as Message)
  await hearAll(t, before, () => range(1, 100))
  for (const client of before) client.terminate()
  await until(() => server.app.pool.size === 0)
  const reads = countReads(server)
  const after = await Promise.all(
    before.map((client, n) => {
      const { epoch, offset, message_id } = published[n % 90] as Message
      return comeBack(server, client, { [ROOM]: { epoch, offset, message_id } })
    })
  )
  await hearAll(t, after, (n) => range((n % 90) + 2, 100))
  t.ok(reads() <= 12, `the log was read ${reads()} times for ${CLIENTS} sessions`)
})
