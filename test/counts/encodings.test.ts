import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { NDJSON } from '../../src/connections/socket-transport.js'
import { frame, openRaw, type RawSocket } from '../live/raw-socket.js'
import type { LiveClientOptions } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'
import { startRedis } from '../support/redis-server.js'
import { startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { askTogether, chat, countedClient, countedMember, countFromNow, heardByAll } from './counted-room.js'

const subprotocols: readonly LiveClientOptions[] = [
  { perMessageDeflate: false },
  { protocols: [NDJSON], perMessageDeflate: false }
]
const deflating = subprotocols.map((options) => ({ ...options, perMessageDeflate: true }))
const COPIES = 4

for (const [title, kinds, settings] of [
  ['both subprotocols', subprotocols, {}],
  ['both subprotocols, with and without compression', [...subprotocols, ...deflating], { COMPRESSION: true }]
] as const) {
  t.test(`members with ${title} share one buffer for each form, whatever their number`, async (t) => {
    const server = await startServer(t, settings, { clock: new ManualClock() })
    const publisher = await countedClient(server)
    const members = []
    for (let copy = 0; copy < COPIES; copy++) {
      for (const options of kinds) members.push(await countedMember(server, options))
    }
    await countFromNow(publisher, members)
    const large = 'large '.repeat(1000)
    await askTogether(publisher, [chat(large), chat('small'), chat('last')])
    await heardByAll(members, 'last')
    const pieces = members.flatMap(({ writes }) => writes.flat())
    t.equal(pieces.length, members.length)
    t.equal(new Set(pieces).size, kinds.length)
  })
}

const MARK = 'what all of them hear'
const command = JSON.stringify(chat({ text: MARK }))

/** A client that parses nothing, as a member of room r. */
async function rawMember(t: Test, { url }: TestServer): Promise<RawSocket> {
  const member = await openRaw(t, url)
  member.send({ type: 'join_room', room: 'r', id: 'join' })
  await until(() => member.messages.some(({ type }) => type === 'ack'))
  return member
}

async function heardMark(members: readonly RawSocket[]): Promise<void> {
  await until(() => members.every(({ frames }) => frames.some(({ payload }) => payload.includes(MARK))))
}

interface JsonTexts {
  readonly parsed: string[]
  readonly made: string[]
}

/** What anybody in this process parses or makes while `task` runs. */
async function jsonDuring(task: () => Promise<void>): Promise<JsonTexts> {
  const { parse, stringify } = JSON
  const texts: JsonTexts = { parsed: [], made: [] }
  JSON.parse = (text, ...rest) => {
    texts.parsed.push(String(text))
    return parse(text, ...rest)
  }
  JSON.stringify = (...values: unknown[]) => {
    const text = stringify(...(values as Parameters<typeof stringify>))
    texts.made.push(String(text))
    return text
  }
  try {
    await task()
  } finally {
    Object.assign(JSON, { parse, stringify })
  }
  return texts
}

/** How often JSON is parsed and made for one message to so many members. */
async function jsonCalls(t: Test, memberCount: number): Promise<{ parsed: number; made: number }> {
  const server = await startServer(t, {}, { clock: new ManualClock() })
  const members: RawSocket[] = []
  while (members.length < memberCount) members.push(await rawMember(t, server))
  const { parsed, made } = await jsonDuring(async () => {
    members[0]?.write(frame(command))
    await heardMark(members)
  })
  return { parsed: parsed.length, made: made.length }
}

t.test('a message is encoded once, whoever hears it', async (t) => {
  const alone = await jsonCalls(t, 1)
  t.equal(alone.parsed, 1)
  t.strictSame(await jsonCalls(t, 30), alone)
})

t.test('between nodes a message is carried as it is: only where it comes in is it parsed', async (t) => {
  const redis = await startRedis(t)
  const settings = { REDIS_URL: redis.url, REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}` }
  const nodes = [await startServer(t, settings), await startServer(t, settings)] as const
  const members = await Promise.all([...nodes, ...nodes].map((node) => rawMember(t, node)))
  const { parsed, made } = await jsonDuring(async () => {
    members[0]?.write(frame(command))
    await heardMark(members)
  })
  const ofMessage = (text: string) => text.includes(MARK)
  t.strictSame(parsed.filter(ofMessage), [command])
  t.strictSame(made.filter(ofMessage), [])
})
