import t from 'tap'
import type { Message } from '../support/live-client.js'
import { request, type TestServer } from '../support/server.js'
import { fill, isoWithMilliseconds, offsetsOf, onEachStore, range } from './each-store.js'

t.setTimeout(150_000)

/** The same question over both ways; the answer without what only a socket has. */
async function askBoth(
  server: TestServer,
  { type, path, room, query }: { type: string; path: string; room: string; query: Record<string, unknown> }
): Promise<{ live: Message; rest: Message }> {
  const client = await server.connect('/ws?user_id=reader')
  const { id, type: answer, ...live } = await client.ask({ type, room, ...query })
  client.terminate()
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])
  )
  const { body } = await request(`${server.url}/rooms/${encodeURIComponent(room)}/${path}?${search}`)
  return answer === 'ack' ? { live, rest: body } : { live: { ...live, type: answer }, rest: body }
}

const historyQueries: Array<[query: Record<string, number>, offsets: number[], hasMore: boolean]> = [
  [{}, range(71, 120), true],
  [{ limit: 1 }, [120], true],
  [{ limit: 1000 }, range(21, 120), false],
  [{ after: 118 }, [119, 120], false],
  [{ after: 120 }, [], false],
  [{ after: 0, limit: 3 }, [21, 22, 23], true],
  [{ after: 20, limit: 1000 }, range(21, 120), false],
  [{ before: 1 }, [], false],
  [{ before: 22 }, [21], false],
  [{ before: 21 }, [], false],
  [{ before: 100, limit: 2 }, [98, 99], true],
  [{ before: 9999, limit: 2 }, [119, 120], true]
]

onEachStore('read_history answers as the REST route does', async (t, start) => {
  const server = await start({ HISTORY_SIZE: 100 })
  await fill(server, 'r', 120)
  for (const [query, offsets, hasMore] of historyQueries) {
    const { live, rest } = await askBoth(server, { type: 'read_history', path: 'history', room: 'r', query })
    t.strictSame(live, rest, JSON.stringify(query))
    t.strictSame(offsetsOf(live.messages), offsets, JSON.stringify(query))
    t.match(live, { room: 'r', offset: 120, has_more: hasMore }, JSON.stringify(query))
  }
})

onEachStore('the history holds each message as it was delivered', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  await alice.ask({ type: 'join_room', room: 'r' })
  await alice.ask({ type: 'chat_message', room: 'r', content: { text: '聊天 "\\\n😀' } })
  const delivered = await alice.next((m) => m.type === 'chat_message')
  const { messages } = await alice.ask({ type: 'read_history', room: 'r' })
  t.strictSame(messages, [delivered])
  t.strictSame((await request(`${server.url}/rooms/r/history`)).body.messages, [delivered])
})

onEachStore('a room that nobody has used reads as empty, and reading makes nothing', async (t, start) => {
  const server = await start()
  for (const _ of [1, 2]) {
    const history = await askBoth(server, { type: 'read_history', path: 'history', room: '聊天 室/1', query: {} })
    t.strictSame(history.live, history.rest)
    t.strictSame(history.live, { room: '聊天 室/1', epoch: null, offset: 0, messages: [], has_more: false })
    const members = await askBoth(server, { type: 'list_members', path: 'members', room: '聊天 室/1', query: {} })
    t.strictSame(members.live, members.rest)
    t.strictSame(members.live, { room: '聊天 室/1', online_count: 0, members: [], next_cursor: null })
  }
})

onEachStore('list_members answers as the REST route does, page by page', async (t, start) => {
  const server = await start()
  const names = ['anna', 'bob', '聊天', '__proto__', 'zoë', 'a', 'ab', 'Ä', '😀', 'ﬀ']
  for (const name of names) {
    const client = await server.connect(`/ws?user_id=${encodeURIComponent(name)}`)
    await client.ask({ type: 'join_room', room: 'r' })
  }
  const second = await server.connect('/ws?user_id=bob')
  await second.ask({ type: 'join_room', room: 'r' })
  const ask = (query: Record<string, unknown>) =>
    askBoth(server, { type: 'list_members', path: 'members', room: 'r', query })

  const whole = await ask({})
  t.strictSame(whole.live, whole.rest)
  t.match(whole.live, { online_count: 10, next_cursor: null })
  const memberOf = (user: string) => whole.live.members.find((m: Message) => m.user_id === user)
  t.equal(memberOf('bob').connections, 2)
  t.match(memberOf('anna').joined_at, isoWithMilliseconds)
  t.strictSame(Object.keys(memberOf('anna')).sort(), ['connections', 'joined_at', 'user_id'])

  const seen: string[] = []
  let cursor: string | null | undefined
  while (cursor !== null) {
    const { live, rest } = await ask({ limit: 3, ...(cursor === undefined ? {} : { cursor }) })
    t.strictSame(live, rest)
    t.ok(live.members.length <= 3)
    seen.push(...live.members.map(({ user_id }: Message) => user_id))
    cursor = live.next_cursor
  }
  t.equal(seen.length, 10, 'each once')
  t.strictSame(new Set(seen), new Set(names))
})

const wrong: Array<[type: string, fields: object]> = [
  ['read_history', { limit: 0 }],
  ['read_history', { limit: 1001 }],
  ['read_history', { limit: -1 }],
  ['read_history', { limit: 1.5 }],
  ['read_history', { limit: '5' }],
  ['read_history', { after: -1 }],
  ['read_history', { after: '1' }],
  ['read_history', { before: null }],
  ['read_history', { after: 1, before: 5 }],
  ['read_history', { after: 2 ** 53 }],
  ['list_members', { limit: 1001 }],
  ['list_members', { limit: 0 }],
  ['list_members', { cursor: 5 }]
]

onEachStore('reads with wrong limits or places are invalid_message', async (t, start) => {
  const server = await start()
  await fill(server, 'r', 2)
  for (const [type, fields] of wrong) {
    const client = await server.connect()
    t.match(
      await client.ask({ type, room: 'r', ...fields }),
      { type: 'error', code: 'invalid_message' },
      `${type} ${JSON.stringify(fields)}`
    )
  }
})

onEachStore('a cursor that the server did not make breaks nothing', async (t, start) => {
  const server = await start()
  const client = await server.connect('/ws?user_id=alice')
  await client.ask({ type: 'join_room', room: 'r' })
  for (const cursor of ['', 'x', '0', '-1', '\u0000', '(', '[a', '9'.repeat(400), '聊']) {
    const answer = await client.ask({ type: 'list_members', room: 'r', cursor })
    t.ok(answer.type === 'ack' || answer.code === 'invalid_message', `${JSON.stringify(cursor)}: ${answer.code}`)
  }
})
