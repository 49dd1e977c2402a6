import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { chatOf, offsetsOf, onEachStore, range } from '../live/each-store.js'
import type { LiveClient, Message } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

t.setTimeout(60_000)

const settings = { PRESENCE_GRACE: 10, HISTORY_SIZE: 100 }

function credentialsOf(client: LiveClient) {
  const { session_id, resume_token } = client.messages[0] as Message
  return { session_id, resume_token }
}

const publish = (server: TestServer, room: string, content: unknown) =>
  request(`${server.url}/rooms/${room}/messages`, { method: 'POST', body: { content } })

/** Alice in a room with five messages, and mallory in another with one; alice has dropped. */
async function setUp(server: TestServer, room = 'r') {
  const alice = await server.connect('/ws?user_id=alice')
  const { epoch } = await alice.ask({ type: 'join_room', room })
  const mallory = await server.connect('/ws?user_id=mallory')
  const { epoch: otherEpoch } = await mallory.ask({ type: 'join_room', room: 'private' })
  for (let n = 1; n <= 5; n++) await publish(server, room, n)
  await publish(server, 'private', 'secret')
  await until(() => chatOf(alice, room).length === 5)
  const ids = chatOf(alice, room).map(({ message_id }) => message_id as string)
  alice.terminate()
  return { epoch, otherEpoch, ids, credentials: credentialsOf(alice), others: credentialsOf(mallory) }
}

type World = Awaited<ReturnType<typeof setUp>>

/** Nothing of a room that the user of the session is not in. */
function checkNothingLeaks(t: Test, client: LiveClient): void {
  const text = client.frames.join('\n')
  t.notMatch(text, /secret|private|mallory/, 'nothing of anybody else')
}

/** Credentials that are no session of this client. */
const wrongCredentials: Record<string, (world: World) => object> = {
  'an unknown session': ({ credentials }) => ({ ...credentials, session_id: randomUUID() }),
  'an empty session': ({ credentials }) => ({ ...credentials, session_id: '' }),
  'a session as long as may be': ({ credentials }) => ({ ...credentials, session_id: 'x'.repeat(256) }),
  'a session named as a property': ({ credentials }) => ({ ...credentials, session_id: 'constructor' }),
  'a session named as another key': ({ credentials }) => ({ ...credentials, session_id: '*' }),
  'a wrong token': ({ credentials }) => ({ ...credentials, resume_token: 'x'.repeat(43) }),
  'an empty token': ({ credentials }) => ({ ...credentials, resume_token: '' }),
  'a token in another case': ({ credentials: { session_id, resume_token } }) => ({
    session_id,
    resume_token: resume_token.replace(/[a-zA-Z]/g, (letter: string) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
    )
  }),
  'a token with one more character': ({ credentials: { session_id, resume_token } }) => ({
    session_id,
    resume_token: `${resume_token}A`
  }),
  "another session's token": ({ credentials, others }) => ({ ...credentials, resume_token: others.resume_token })
}

onEachStore('F35: what is no session of this client is not found, and the session stays good', async (t, start) => {
  const server = await start(settings)
  const world = await setUp(server)
  for (const [name, credentials] of Object.entries(wrongCredentials)) {
    const client = await server.connect('/ws')
    t.match(
      await client.ask({ type: 'resume', ...credentials(world) }),
      { type: 'error', code: 'session_not_found' },
      name
    )
    checkNothingLeaks(t, client)
    t.match(await client.ask({ type: 'join_room', room: 'elsewhere' }), { type: 'ack' }, 'it goes on as new')
  }
  const eve = await server.connect('/ws?user_id=eve')
  t.match(await eve.ask({ type: 'resume', ...world.credentials }), { code: 'session_not_found' }, 'a foreign user')
  t.strictSame(chatOf(eve, 'r'), [])
  const alice = await server.connect('/ws?user_id=alice')
  t.match(await alice.ask({ type: 'resume', ...world.credentials }), { type: 'ack', rooms: { r: { offset: 5 } } })
})

/** Positions in the room, and what becomes of them: offsets that follow, or how it is refused. */
const positions: Record<string, (world: World) => { position: unknown; recovered: string; follows?: number[] }> = {
  'the present one': ({ epoch }) => ({ position: { epoch, offset: 5 }, recovered: 'full', follows: [] }),
  'an earlier one': ({ epoch }) => ({ position: { epoch, offset: 3 }, recovered: 'full', follows: [4, 5] }),
  'the beginning': ({ epoch }) => ({ position: { epoch, offset: 0 }, recovered: 'full', follows: range(1, 5) }),
  'with its message': ({ epoch, ids }) => ({
    position: { epoch, offset: 4, message_id: ids[3] },
    recovered: 'full',
    follows: [5]
  }),
  'a future offset': ({ epoch }) => ({ position: { epoch, offset: 6 }, recovered: 'reset', follows: range(1, 5) }),
  'the largest offset': ({ epoch }) => ({
    position: { epoch, offset: Number.MAX_SAFE_INTEGER },
    recovered: 'reset',
    follows: range(1, 5)
  }),
  'an unknown epoch': () => ({
    position: { epoch: 'unknown', offset: 3 },
    recovered: 'reset',
    follows: range(1, 5)
  }),
  "another room's epoch": ({ otherEpoch }) => ({
    position: { epoch: otherEpoch, offset: 1 },
    recovered: 'reset',
    follows: range(1, 5)
  }),
  'another message there': ({ epoch }) => ({
    position: { epoch, offset: 4, message_id: 'another' },
    recovered: 'reset',
    follows: range(1, 5)
  }),
  'a negative offset': ({ epoch }) => ({ position: { epoch, offset: -1 }, recovered: 'invalid_message' }),
  'half an offset': ({ epoch }) => ({ position: { epoch, offset: 1.5 }, recovered: 'invalid_message' }),
  'an offset as text': ({ epoch }) => ({ position: { epoch, offset: '3' }, recovered: 'invalid_message' }),
  'an offset beyond 2^53': ({ epoch }) => ({ position: { epoch, offset: 2 ** 53 + 2 }, recovered: 'invalid_message' }),
  'no epoch': () => ({ position: { offset: 3 }, recovered: 'invalid_message' }),
  'an empty epoch': () => ({ position: { epoch: '', offset: 3 }, recovered: 'invalid_message' }),
  'an epoch that is too long': () => ({ position: { epoch: 'x'.repeat(65), offset: 3 }, recovered: 'invalid_message' }),
  'no position at all': () => ({ position: null, recovered: 'invalid_message' }),
  'a list': () => ({ position: [1], recovered: 'invalid_message' })
}

for (const how of ['join_room', 'resume'] as const) {
  onEachStore(`F35: a position is good, or void and told so, or refused (${how})`, async (t, start) => {
    const server = await start(settings)
    for (const [name, make] of Object.entries(positions)) {
      const room = randomUUID()
      const world = await setUp(server, room)
      const { position, recovered, follows } = make(world)
      const client = await server.connect('/ws')
      const comeBack =
        how === 'resume'
          ? { type: how, ...world.credentials, positions: { [room]: position } }
          : { type: how, room, since: position, user_id: 'alice' }
      const answer = await client.ask(comeBack)
      if (follows === undefined) {
        t.match(answer, { type: 'error', code: recovered }, name)
        t.match(await client.ask({ type: 'resume', ...world.credentials }), { type: 'ack' }, 'the session stays good')
        continue
      }
      t.match(how === 'resume' ? answer.rooms[room] : answer, { recovered, offset: 5 }, name)
      // What comes after the replay shows that it is over.
      await publish(server, room, 'end')
      await until(() => chatOf(client, room).at(-1)?.offset === 6)
      t.strictSame(offsetsOf(chatOf(client, room)), [...follows, 6], name)
      checkNothingLeaks(t, client)
    }
  })
}

t.test('F35: an expired session is not found, and its user may begin anew', async (t) => {
  const clock = new ManualClock()
  const server = await startServer(t, { ...settings, SESSION_TTL: 120, HEARTBEAT_TIMEOUT: 100_000 }, { clock })
  const { credentials } = await setUp(server)
  await until(async () => (await request(`${server.url}/users/alice`)).body.connections === 0)
  clock.advance(119_000)
  const intime = await server.connect('/ws')
  const { resume_token } = await intime.ask({ type: 'resume', ...credentials })
  t.type(resume_token, 'string', 'a second before the end it is there')
  intime.terminate()
  await until(async () => (await request(`${server.url}/users/alice`)).body.connections === 0)
  clock.advance(120_000)
  const late = await server.connect('/ws')
  const answer = await late.ask({ type: 'resume', session_id: credentials.session_id, resume_token })
  t.match(answer, { type: 'error', code: 'session_not_found' })
  t.match(await late.ask({ type: 'join_room', room: 'r', user_id: 'alice' }), { type: 'ack', recovered: 'none' })
})
