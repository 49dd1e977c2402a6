import t from 'tap'
import type { Message } from '../support/live-client.js'
import { request, startServer } from '../support/server.js'
import { checkError, joined, post, publish, roomUrl, TIMESTAMP } from './wire.js'

const offsetsOf = ({ body }: { body: Message }): number[] =>
  body.messages.map(({ offset }: { offset: number }) => offset)
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

t.test('the history of a room of 60 messages', async (t) => {
  const server = await startServer(t)
  const history = (query = '') => request(roomUrl(server, 'sixty', `/history${query}`))
  let epoch = ''
  for (let number = 1; number <= 60; number++) epoch = (await publish(server, 'sixty', { number })).epoch

  await t.test('the newest 50 come without a question, oldest first, and older ones lie beyond', async (t) => {
    const answer = await history()
    t.equal(answer.status, 200)
    t.match(answer.headers.get('content-type'), /^application\/json/)
    t.same(Object.keys(answer.body).sort(), ['epoch', 'has_more', 'messages', 'offset', 'room'])
    t.match(answer.body, { room: 'sixty', epoch, offset: 60, has_more: true })
    t.same(offsetsOf(answer), range(11, 60))
    t.same(
      answer.body.messages.map(({ content }: { content: object }) => content),
      range(11, 60).map((number) => ({ number }))
    )
  })

  const pages: Array<[query: string, offsets: number[], hasMore: boolean]> = [
    ['?limit=60', range(1, 60), false],
    ['?limit=1000', range(1, 60), false],
    ['?limit=59', range(2, 60), true],
    ['?limit=1', [60], true],
    ['?after=0', range(1, 50), true],
    ['?after=0&limit=60', range(1, 60), false],
    ['?after=0&limit=59', range(1, 59), true],
    ['?after=10', range(11, 60), false],
    ['?after=50&limit=10', range(51, 60), false],
    ['?after=50&limit=9', range(51, 59), true],
    ['?after=59', [60], false],
    ['?after=60', [], false],
    ['?before=61', range(11, 60), true],
    ['?before=60&limit=2', [58, 59], true],
    ['?before=11&limit=10', range(1, 10), false],
    ['?before=11&limit=9', range(2, 10), true],
    ['?before=2', [1], false],
    ['?before=1', [], false]
  ]
  for (const [query, offsets, hasMore] of pages) {
    await t.test(`${query} is exclusive and tells whether there is more`, async (t) => {
      const answer = await history(query)
      t.equal(answer.status, 200)
      t.same(offsetsOf(answer), offsets)
      t.strictSame(answer.body.has_more, hasMore)
      t.match(answer.body, { epoch, offset: 60 }, 'the top is told on every page')
    })
  }

  await t.test('a position above the top has nothing after it', async (t) => {
    t.strictSame((await history('?after=1000')).body, {
      room: 'sixty',
      epoch,
      offset: 60,
      messages: [],
      has_more: false
    })
    t.same(offsetsOf(await history('?before=1000')), range(11, 60), 'and the newest before it')
  })

  await t.test('after and before exclude each other', async (t) => {
    checkError(t, await history('?after=1&before=9'), [400, 'invalid_message'])
    checkError(t, await history('?after=0&before=0'), [400, 'invalid_message'])
  })

  await t.test('limits and positions that are no whole numbers in range are refused', async (t) => {
    const bad = ['limit=0', 'limit=1001', 'limit=-1', 'limit=x', 'limit=', 'limit=1&limit=2', 'limit=10.5', 'limit=1e2']
    bad.push('after=-1', 'after=x', 'after=', 'after=1.5', 'after=true', 'after=1&after=2', 'after=9007199254740993')
    bad.push('before=-1', 'before=null', 'before=NaN', 'before=Infinity', 'before=0x10')
    for (const query of bad) checkError(t, await history(`?${query}`), [400, 'invalid_message'], { title: query })
  })

  await t.test('unknown parameters are ignored', async (t) => {
    t.same(offsetsOf(await history('?limit=1&since=3&__proto__=1&constructor=2')), [60])
  })
})

t.test('what a history holds', async (t) => {
  const server = await startServer(t)

  await t.test('a room that nobody has used is empty, and no error', async (t) => {
    for (const query of ['', '?after=0', '?after=7', '?before=7', '?limit=1']) {
      const { status, body } = await request(roomUrl(server, 'nobody', `/history${query}`))
      t.equal(status, 200)
      t.strictSame(body, { room: 'nobody', epoch: null, offset: 0, messages: [], has_more: false }, query)
    }
  })

  await t.test('a joined room without messages has an epoch', async (t) => {
    const member = await server.connect('/ws?user_id=alice')
    const { epoch } = await member.ask({ type: 'join_room', room: 'quiet' })
    const { body } = await request(roomUrl(server, 'quiet', '/history'))
    t.strictSame(body, { room: 'quiet', epoch, offset: 0, messages: [], has_more: false })
  })

  await t.test('each message is there exactly as it was delivered live', async (t) => {
    const member = await joined(server, 'same', 'alice')
    const url = roomUrl(server, 'same', '/messages')
    await post(url, { content: { text: '聊天 ✓ \u2028 "quoted" \\ / \ud83d\ude00', deep: [{ a: [null, 1.5e-7] }] } })
    await post(url, { content: null, user_id: 'backend', message_id: 'order-1' })
    await post(url, { content: '\ud800' })
    await member.ask({ type: 'chat_message', room: 'same', content: ['from', { a: 'member' }] })
    await member.ask({ type: 'chat_message', room: 'same' })
    await post(`${server.url}/publish`, { items: [{ room: 'same', content: 'batch' }] })
    const count = (await request(roomUrl(server, 'same'))).body.offset
    const live = await member.collect('chat_message', count)
    const { body } = await request(roomUrl(server, 'same', '/history'))
    t.strictSame(body.messages, live)
    const { messages } = await member.ask({ type: 'read_history', room: 'same' })
    t.strictSame(messages, live, 'and over the socket')
    for (const message of body.messages) {
      const fields = ['content', 'epoch', 'message_id', 'offset', 'room', 'timestamp', 'type', 'user_id']
      t.same(Object.keys(message).sort(), fields)
      t.match(message, { type: 'chat_message', room: 'same', epoch: String, message_id: String, timestamp: TIMESTAMP })
    }
    t.same(
      body.messages.slice(0, 4).map(({ user_id }: { user_id: string | null }) => user_id),
      [null, 'backend', null, 'alice']
    )
  })

  await t.test('only retained messages count as more, and the top stays', async (t) => {
    const small = await startServer(t, { HISTORY_SIZE: 5 })
    for (let number = 1; number <= 12; number++) await publish(small, 'short', number)
    const all = await request(roomUrl(small, 'short', '/history'))
    t.same(offsetsOf(all), range(8, 12))
    t.match(all.body, { offset: 12, has_more: false })
    const newest = await request(roomUrl(small, 'short', '/history?limit=2'))
    t.same(offsetsOf(newest), [11, 12])
    t.equal(newest.body.has_more, true)
    const after = await request(roomUrl(small, 'short', '/history?after=0'))
    t.same(offsetsOf(after), range(8, 12), 'what was trimmed cannot be read, the rest can')
    t.equal(after.body.has_more, false)
    const before = await request(roomUrl(small, 'short', '/history?before=9'))
    t.same(offsetsOf(before), [8])
    t.equal(before.body.has_more, false)
    t.same(offsetsOf(await request(roomUrl(small, 'short', '/history?before=4'))), [])
  })

  await t.test('a limit of 1000 gives 1000', async (t) => {
    const items = Array.from({ length: 1000 }, (_, number) => ({ room: 'thousand', content: number }))
    await post(`${server.url}/publish`, { items })
    const answer = await request(roomUrl(server, 'thousand', '/history?limit=1000'))
    t.same(offsetsOf(answer), range(1, 1000))
    t.equal(answer.body.has_more, false)
  })
})
