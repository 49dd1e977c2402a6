import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { chatOf, offsetsOf, onEachStore, range } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { startRedis } from '../support/redis-server.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

t.setTimeout(120_000)

const settings = { PRESENCE_GRACE: 10, RATE_LIMIT_PER_SECOND: 0 }
const ROUNDS = 10
const RACERS = 4

interface Credentials {
  readonly session_id: string
  readonly resume_token: string
}

interface Racer {
  readonly client: LiveClient
  /** Undefined where the connection was closed before. */
  readonly answer: Message | undefined
}

onEachStore('F34: of many that resume one session at once exactly one has it afterwards', async (t, start) => {
  await race(t, [await start(settings)])
})

t.test('F34: the same from two nodes', async (t) => {
  const shared = { ...settings, REDIS_URL: (await startRedis(t)).url, REDIS_PREFIX: randomUUID() }
  await race(t, [await startServer(t, shared), await startServer(t, shared)])
})

/** Rounds in each of which the session of the round before is resumed by all racers at the same moment. */
async function race(t: Test, nodes: readonly TestServer[]): Promise<void> {
  const nodeOf = (index: number) => nodes[index % nodes.length] as TestServer
  const watcher = await nodeOf(1).connect('/ws?user_id=watcher')
  await watcher.ask({ type: 'join_room', room: 'r' })
  let owner = await nodeOf(0).connect('/ws?user_id=alice')
  const { epoch } = await owner.ask({ type: 'join_room', room: 'r' })
  let credentials = owner.messages[0] as Message & Credentials
  let top = 0
  const publish = async (index: number) => {
    const { body } = await request(`${nodeOf(index).url}/rooms/r/messages`, { method: 'POST', body: { content: 1 } })
    top = Math.max(top, body.offset)
  }
  for (let round = 0; round < ROUNDS; round++) {
    // The old socket is gone in one round, and still there in the next.
    if (round % 2 === 0) owner.terminate()
    const since = top
    const clients = await Promise.all(Array.from({ length: RACERS }, (_, index) => nodeOf(index).connect('/ws')))
    const positions = { r: { epoch, offset: since } }
    const publishing = [0, 1, 2, 3].map(publish)
    const racers = await Promise.all(clients.map((client) => resume(client, credentials, positions)))
    await Promise.all(publishing)

    const winner = await findOwner(racers)
    await publish(round)
    await until(() => chatOf(winner.client, 'r').at(-1)?.offset === top)
    t.strictSame(offsetsOf(chatOf(winner.client, 'r')), range(since + 1, top), 'the owner hears everything once')
    await checkLosers(t, [...racers.filter((racer) => racer !== winner), { client: owner, answer: undefined }])
    await checkPresence(nodes)
    owner = winner.client
    credentials = winner.answer as Message & Credentials
  }
  t.notOk(watcher.messages.some(({ action }) => action === 'user_left'))
  t.equal(watcher.messages.filter(({ user_id }) => user_id === 'alice').length, 1, 'one user_joined')
}

async function resume(
  client: LiveClient,
  { session_id, resume_token }: Credentials,
  positions: object
): Promise<Racer> {
  const closed = client.closed().then(() => undefined)
  const answer = await Promise.race([client.ask({ type: 'resume', session_id, resume_token, positions }), closed])
  return { client, answer }
}

/** The one whose acknowledgement stands, when all others have been told. */
async function findOwner(racers: readonly Racer[]): Promise<Racer> {
  const owners = () =>
    racers.filter(({ client, answer }) => answer?.type === 'ack' && client.socket.readyState === client.socket.OPEN)
  await until(
    () => owners().length,
    (count) => count === 1
  )
  return owners()[0] as Racer
}

/** Each was told that it has no session, or was closed as taken over, and hears nothing of the room any more. */
async function checkLosers(t: Test, losers: readonly Racer[]): Promise<void> {
  for (const { client, answer } of losers) {
    if (answer?.type === 'error') t.equal(answer.code, 'session_not_found')
    else t.ok([4502, 1006].includes(await closeCodeOf(client)), 'it was told, or is gone')
    if (answer?.type === 'error' && client.socket.readyState === client.socket.OPEN) {
      t.strictSame(chatOf(client, 'r'), [], 'no split delivery')
      t.match(await client.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' }, 'it goes on as new')
    }
  }
}

async function closeCodeOf(client: LiveClient): Promise<number> {
  await until(() => client.socket.readyState === client.socket.CLOSED)
  return await client.closed()
}

async function checkPresence(nodes: readonly TestServer[]): Promise<void> {
  for (const { url } of nodes) {
    await until(
      async () => (await request(`${url}/rooms/r/online`)).body,
      // The watcher, and alice once.
      ({ online_count }) => online_count === 2
    )
  }
}

onEachStore('F34: a token that was lost on the way works once more, and not a third time', async (t, start) => {
  const server = await start(settings)
  const first = await server.connect('/ws?user_id=alice')
  await first.ask({ type: 'join_room', room: 'r' })
  const { session_id, resume_token } = first.messages[0] as Message & Credentials
  const answers: Message[] = []
  for (let attempt = 0; attempt < 3; attempt++) {
    const client = await server.connect('/ws')
    answers.push(await client.ask({ type: 'resume', session_id, resume_token }))
  }
  t.match(answers, [{ type: 'ack' }, { type: 'ack' }, { type: 'error', code: 'session_not_found' }])
  t.equal(await first.closed(), 4502)
})
