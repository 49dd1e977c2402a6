import t, { type Test } from 'tap'
import type { Message } from '../support/live-client.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { chatOf, fill, offsetsOf, onEachStore, range } from './each-store.js'

t.setTimeout(150_000)

/** 25 messages were published and the newest ten are kept: 16 to 25. */
const PUBLISHED = 25
const KEPT = 10

interface Prepared {
  readonly epoch: string
  /** Of the message at an offset. */
  idAt(offset: number): string
}

interface JoinCase {
  readonly title: string
  ask(room: Prepared): object
  readonly recovered: 'none' | 'full' | 'gap' | 'reset'
  readonly gap?: { from: number; to: number }
  /** Offsets that follow the answer. */
  readonly replay: number[]
}

const all = range(16, 25)
const joinCases: JoinCase[] = [
  { title: 'without a position nothing is replayed', ask: () => ({}), recovered: 'none', replay: [] },
  {
    title: 'since the top is full and replays nothing',
    ask: ({ epoch }) => ({ since: { epoch, offset: 25 } }),
    recovered: 'full',
    replay: []
  },
  {
    title: 'since the middle is full',
    ask: ({ epoch }) => ({ since: { epoch, offset: 20 } }),
    recovered: 'full',
    replay: range(21, 25)
  },
  {
    title: 'since the last one that was trimmed is full',
    ask: ({ epoch }) => ({ since: { epoch, offset: 15 } }),
    recovered: 'full',
    replay: all
  },
  {
    title: 'since one before that has a gap of one',
    ask: ({ epoch }) => ({ since: { epoch, offset: 14 } }),
    recovered: 'gap',
    gap: { from: 15, to: 15 },
    replay: all
  },
  {
    title: 'since the beginning has a gap up to the oldest that is kept',
    ask: ({ epoch }) => ({ since: { epoch, offset: 0 } }),
    recovered: 'gap',
    gap: { from: 1, to: 15 },
    replay: all
  },
  {
    title: 'since an offset above the top is void',
    ask: ({ epoch }) => ({ since: { epoch, offset: 26 } }),
    recovered: 'reset',
    replay: all
  },
  {
    title: 'since the highest number there is is void',
    ask: ({ epoch }) => ({ since: { epoch, offset: Number.MAX_SAFE_INTEGER } }),
    recovered: 'reset',
    replay: all
  },
  {
    title: 'since an unknown epoch is void',
    ask: () => ({ since: { epoch: 'another', offset: 20 } }),
    recovered: 'reset',
    replay: all
  },
  {
    title: 'since offset 0 of an unknown epoch is void',
    ask: () => ({ since: { epoch: 'x'.repeat(64), offset: 0 } }),
    recovered: 'reset',
    replay: all
  },
  {
    title: 'since another message at the offset is void',
    ask: ({ epoch, idAt }) => ({ since: { epoch, offset: 20, message_id: idAt(21) } }),
    recovered: 'reset',
    replay: all
  },
  {
    title: 'since another message at the top is void',
    ask: ({ epoch }) => ({ since: { epoch, offset: 25, message_id: 'never sent' } }),
    recovered: 'reset',
    replay: all
  },
  {
    title: 'since the right message is full',
    ask: ({ epoch, idAt }) => ({ since: { epoch, offset: 20, message_id: idAt(20) } }),
    recovered: 'full',
    replay: range(21, 25)
  },
  {
    title: 'since the right message that was trimmed has a gap',
    ask: ({ epoch, idAt }) => ({ since: { epoch, offset: 10, message_id: idAt(10) } }),
    recovered: 'gap',
    gap: { from: 11, to: 15 },
    replay: all
  },
  { title: 'last 0 is full and replays nothing', ask: () => ({ last: 0 }), recovered: 'full', replay: [] },
  { title: 'last 1 replays the newest', ask: () => ({ last: 1 }), recovered: 'full', replay: [25] },
  { title: 'last 4 replays the newest four', ask: () => ({ last: 4 }), recovered: 'full', replay: range(22, 25) },
  { title: 'last 1000 replays all that is kept', ask: () => ({ last: 1000 }), recovered: 'full', replay: all }
]

onEachStore('a join replays what follows its position', async (t, start) => {
  const server = await start({ HISTORY_SIZE: KEPT })
  for (const [index, joinCase] of joinCases.entries()) {
    await t.test(joinCase.title, (t) => checkJoin(t, { server, room: `room ${index}`, joinCase }))
  }
})

async function checkJoin(
  t: Test,
  { server, room, joinCase }: { server: TestServer; room: string; joinCase: JoinCase }
) {
  const published = await fill(server, room, PUBLISHED)
  const epoch = published[0]?.epoch as string
  const idAt = (offset: number) => published[offset - 1]?.message_id as string
  const client = await server.connect('/ws?user_id=alice')
  const ack = await client.ask({ type: 'join_room', room, ...joinCase.ask({ epoch, idAt }) })
  const { id, ...fields } = ack
  t.strictSame(fields, {
    type: 'ack',
    room,
    epoch,
    offset: PUBLISHED,
    online_count: 1,
    recovered: joinCase.recovered,
    ...(joinCase.gap && { gap: joinCase.gap })
  })
  await fill(server, room, 1)
  await client.next((m) => m.type === 'chat_message' && m.offset === PUBLISHED + 1)
  const heard = chatOf(client, room)
  t.strictSame(offsetsOf(heard), [...joinCase.replay, PUBLISHED + 1], 'the replay in order, then live')
  t.ok(client.messages.indexOf(ack) < client.messages.indexOf(heard[0] as Message), 'the answer comes first')
  for (const message of heard.slice(0, -1)) {
    t.match(message, { epoch, message_id: idAt(message.offset), content: message.offset, user_id: null })
  }
  await client.next((m) => m.action === 'user_joined' && m.user_id === 'alice')
}

onEachStore('a client that joined an empty room recovers from offset 0', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  const { epoch, offset, recovered } = await alice.ask({ type: 'join_room', room: 'r' })
  t.match({ offset, recovered }, { offset: 0, recovered: 'none' })
  await alice.ask({ type: 'leave_room', room: 'r' })
  await fill(server, 'r', 3)
  const again = await alice.ask({ type: 'join_room', room: 'r', since: { epoch, offset: 0 } })
  t.match(again, { epoch, offset: 3, recovered: 'full' })
  await alice.next((m) => m.offset === 3 && m.type === 'chat_message')
  t.strictSame(offsetsOf(chatOf(alice, 'r')), [1, 2, 3])
})

onEachStore('a position in a room that nobody has used is void and nothing follows', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  const joined = await alice.ask({ type: 'join_room', room: 'r', since: { epoch: 'of another life', offset: 7 } })
  t.match(joined, { offset: 0, recovered: 'reset' })
  t.match(await alice.ask({ type: 'join_room', room: 'other', last: 10 }), { offset: 0, recovered: 'full' })
  await fill(server, 'r', 1)
  await alice.next((m) => m.type === 'chat_message')
  t.strictSame(offsetsOf(chatOf(alice, 'r')), [1])
})

onEachStore('a long replay comes whole and in order', async (t, start) => {
  const server = await start()
  const [{ epoch } = {}] = await fill(server, 'r', 1000)
  for (const ask of [{ since: { epoch, offset: 0 } }, { since: { epoch, offset: 333 } }, { last: 1000 }]) {
    const client = await server.connect('/ws?user_id=alice')
    t.match(await client.ask({ type: 'join_room', room: 'r', ...ask }), { recovered: 'full', offset: 1000 })
    await client.next((m) => m.type === 'chat_message' && m.offset === 1000)
    const first = ask.since?.offset ?? 0
    t.strictSame(offsetsOf(chatOf(client, 'r')), range(first + 1, 1000), JSON.stringify(ask))
  }
})

onEachStore('a position stays good while everybody was away', async (t, start) => {
  const server = await start()
  const before = await server.connect('/ws?user_id=alice')
  const { epoch } = await before.ask({ type: 'join_room', room: 'r' })
  before.terminate()
  await fill(server, 'r', 2)
  const state = await request(`${server.url}/rooms/r`)
  t.match(state.body, { epoch, offset: 2 })
  const after = await server.connect('/ws?user_id=alice')
  t.match(await after.ask({ type: 'join_room', room: 'r', since: { epoch, offset: 1 } }), { recovered: 'full' })
})

const refused: Array<[title: string, fields: object]> = [
  ['since and last together', { since: { epoch: 'e', offset: 0 }, last: 1 }],
  ['last 1001', { last: 1001 }],
  ['last -1', { last: -1 }],
  ['last 1.5', { last: 1.5 }],
  ['last as text', { last: '1' }],
  ['last null', { last: null }],
  ['since without an offset', { since: { epoch: 'e' } }],
  ['since without an epoch', { since: { offset: 1 } }],
  ['since an empty epoch', { since: { epoch: '', offset: 1 } }],
  ['since a negative offset', { since: { epoch: 'e', offset: -1 } }],
  ['since half an offset', { since: { epoch: 'e', offset: 0.5 } }],
  ['since an offset beyond the safe numbers', { since: { epoch: 'e', offset: 2 ** 53 } }],
  ['since an offset as text', { since: { epoch: 'e', offset: '1' } }],
  ['since a number', { since: 5 }],
  ['since a list', { since: ['e', 1] }],
  ['since a message_id that is a number', { since: { epoch: 'e', offset: 1, message_id: 1 } }]
]

t.test('a join with a wrong position is invalid_message and enters nothing', async (t) => {
  const server = await startServer(t)
  for (const [title, fields] of refused) {
    const client = await server.connect('/ws?user_id=alice')
    t.match(
      await client.ask({ type: 'join_room', room: 'r', ...fields }),
      { type: 'error', code: 'invalid_message' },
      title
    )
    t.match((await request(`${server.url}/rooms/r`)).body, { online_count: 0, epoch: null }, title)
  }
})
