import t from 'tap'
import { NDJSON } from '../../src/connections/socket-transport.js'
import { onEachStore } from '../live/each-store.js'
import { ManualClock } from '../support/manual-clock.js'
import { startServer, type TestServer } from '../support/server.js'
import {
  askTogether,
  type CountedClient,
  chat,
  countedClient,
  countedMember,
  countFromNow,
  heardByAll
} from './counted-room.js'

const MESSAGES = 20
const contents = Array.from({ length: MESSAGES }, (_, index) => index + 1)
const messages = contents.map((content) => chat(content))

/** A publisher beside the room, and members of both subprotocols. */
async function openRoom(
  server: TestServer,
  endDelay?: () => void
): Promise<{ publisher: CountedClient; members: CountedClient[] }> {
  const publisher = await countedClient(server)
  const members: CountedClient[] = []
  for (const protocols of [[], [], [], [NDJSON], [NDJSON]]) members.push(await countedMember(server, { protocols }))
  await countFromNow(publisher, members, endDelay)
  return { publisher, members }
}

onEachStore('messages of one turn are one write for each member, and so are their answers', async (t, start) => {
  const server = await start({}, { clock: new ManualClock() })
  const { publisher, members } = await openRoom(server)
  await askTogether(publisher, messages)
  await heardByAll(members, MESSAGES)
  for (const { writes } of [publisher, ...members]) t.equal(writes.length, 1)
})

onEachStore('a message that is alone is one write for each member, and one for its answer', async (t, start) => {
  const server = await start({}, { clock: new ManualClock() })
  const { publisher, members } = await openRoom(server)
  for (const content of [1, 2, 3]) {
    await publisher.client.ask(chat(content))
    await heardByAll(members, content)
  }
  for (const { writes } of [publisher, ...members]) t.equal(writes.length, 3)
})

t.test('who publishes as a member has messages and answers of one turn in one write', async (t) => {
  const server = await startServer(t, {}, { clock: new ManualClock() })
  const member = await countedMember(server)
  await countFromNow(member, [member])
  await askTogether(member, messages)
  await heardByAll([member], MESSAGES)
  t.equal(member.writes.length, 1)
})

t.test('with a delay what comes within it is one write more, after that of the first message', async (t) => {
  const clock = new ManualClock()
  const server = await startServer(t, { BATCH_DELAY_MS: 20 }, { clock })
  const endDelay = () => clock.advance(20)
  const { publisher, members } = await openRoom(server, endDelay)
  endDelay()
  await publisher.client.ask(chat('first'))
  await heardByAll(members, 'first')
  for (const message of messages) await publisher.client.ask(message)
  for (const { writes } of members) t.equal(writes.length, 1)
  endDelay()
  await heardByAll(members, MESSAGES)
  for (const { writes } of members) t.equal(writes.length, 2)
})
