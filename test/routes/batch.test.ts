import t from 'tap'
import { request, startServer } from '../support/server.js'
import { checkError, joined, post, roomUrl, TIMESTAMP, UUID_V7 } from './wire.js'

const FIELDS = ['duplicate', 'durable', 'epoch', 'message_id', 'offset', 'room', 'timestamp']

t.test('publishing in batch', async (t) => {
  const server = await startServer(t)
  const batch = (items: unknown) => post(`${server.url}/publish`, { items })

  await t.test('answers each item in order, as the single route does', async (t) => {
    const { status, body } = await batch([
      { room: 'a', content: 1 },
      { room: 'b', content: null, user_id: 'backend', message_id: 'b-1' },
      { room: 'a', content: 2 }
    ])
    t.equal(status, 200)
    t.same(Object.keys(body), ['results'])
    for (const result of body.results) t.same(Object.keys(result).sort(), FIELDS)
    t.match(body.results, [
      { room: 'a', offset: 1, message_id: UUID_V7, timestamp: TIMESTAMP, duplicate: false, durable: 'memory' },
      { room: 'b', offset: 1, message_id: 'b-1', duplicate: false },
      { room: 'a', offset: 2, epoch: String }
    ])
    const { messages } = (await request(roomUrl(server, 'b', '/history'))).body
    t.match(messages, [{ content: null, user_id: 'backend', message_id: 'b-1' }])
  })

  await t.test('of nothing answers nothing', async (t) => {
    const { status, body } = await batch([])
    t.equal(status, 200)
    t.strictSame(body, { results: [] })
  })

  await t.test('stores what goes to one room in the order of the items', async (t) => {
    const member = await joined(server, 'ordered', 'alice')
    const { body } = await batch(Array.from({ length: 1000 }, (_, content) => ({ room: 'ordered', content })))
    const offsets = Array.from({ length: 1000 }, (_, index) => index + 1)
    t.same(
      body.results.map(({ offset }: { offset: number }) => offset),
      offsets
    )
    const live = await member.collect('chat_message', 1000)
    t.same(
      live.map(({ content, offset }) => [content, offset]),
      offsets.map((offset) => [offset - 1, offset])
    )
  })

  await t.test('goes on past bad items, each of which has a code and a message', async (t) => {
    const bad: Array<[item: unknown, code: string]> = [
      [null, 'invalid_message'],
      ['text', 'invalid_message'],
      [7, 'invalid_message'],
      [[], 'invalid_message'],
      [{}, 'invalid_message'],
      [{ room: 'mixed' }, 'invalid_message'],
      [{ content: 1 }, 'invalid_message'],
      [{ room: 1, content: 1 }, 'invalid_message'],
      [{ room: '', content: 1 }, 'invalid_id'],
      [{ room: '..', content: 1 }, 'invalid_id'],
      [{ room: 'x'.repeat(129), content: 1 }, 'invalid_id'],
      [{ room: 'mixed', content: 1, message_id: 5 }, 'invalid_message'],
      [{ room: 'mixed', content: 1, message_id: 'a\nb' }, 'invalid_id'],
      [{ room: 'mixed', content: 1, user_id: 'anonymous:x' }, 'invalid_id'],
      [{ room: 'mixed', content: 'x'.repeat(65_537) }, 'message_too_large']
    ]
    const { status, body } = await batch([
      { room: 'mixed', content: 'first' },
      ...bad.map(([item]) => item),
      { room: 'mixed', content: 'last' }
    ])
    t.equal(status, 200)
    t.match(body.results.at(0), { room: 'mixed', offset: 1 })
    t.match(body.results.at(-1), { room: 'mixed', offset: 2 })
    for (const [index, [item, code]] of bad.entries()) {
      const result = body.results[index + 1]
      const title = JSON.stringify(item).slice(0, 60)
      t.match(result, { code, message: String }, title)
      t.same(Object.keys(result).sort(), ['code', 'message'], `${title}: only the shape`)
    }
    t.equal((await request(roomUrl(server, 'mixed'))).body.offset, 2)
  })

  await t.test('takes rooms, users and groups, and exactly one of them an item', async (t) => {
    const { status, body } = await batch([
      { user: 'alice', room: 'kinds', content: 1 },
      { user: 'alice', group: 'kinds', content: 1 },
      { content: 1 },
      { room: 'kinds', content: 1 },
      { group: 'kinds', content: 1, user_id: 'bob' },
      { user: 'nobody', content: 1 }
    ])
    t.equal(status, 200)
    for (const result of body.results.slice(0, 3)) t.match(result, { code: 'invalid_message', message: String })
    t.match(body.results[3], { room: 'kinds', offset: 1 })
    t.match(body.results[4], { group: 'kinds', offset: 1 })
    t.match(body.results[5], { user_id: 'nobody', offset: 1, online: 0 })
  })

  await t.test('knows duplicates, within and across batches', async (t) => {
    const item = { room: 'dup', content: 1, message_id: 'same' }
    const first = await batch([item, item])
    t.match(first.body.results, [
      { offset: 1, duplicate: false },
      { offset: 1, duplicate: true }
    ])
    const again = await batch([item])
    t.strictSame(again.body.results, [{ ...first.body.results[0], duplicate: true }])
    t.equal((await post(roomUrl(server, 'dup', '/messages'), { content: 2, message_id: 'same' })).status, 200)
  })

  await t.test('takes 1000 items and not one more', async (t) => {
    const items = Array.from({ length: 1001 }, () => ({ room: 'many', content: 1 }))
    checkError(t, await batch(items), [400, 'invalid_message'])
    t.equal((await request(roomUrl(server, 'many'))).body.epoch, null, 'nothing of it was stored')
  })

  await t.test('takes 4 MiB and not one byte more', async (t) => {
    const max = 4 * 1024 * 1024
    const items = Array.from({ length: 60 }, () => ({ room: 'large', content: 'x'.repeat(60_000) }))
    const bodyOf = (bytes: number) => {
      const head = `{"items":${JSON.stringify(items)},"padding":"`
      return `${head}${'x'.repeat(bytes - head.length - 2)}"}`
    }
    checkError(t, await post(`${server.url}/publish`, bodyOf(max + 1)), [413, 'message_too_large'])
    t.equal((await request(roomUrl(server, 'large'))).body.epoch, null)
    const { status, body } = await post(`${server.url}/publish`, bodyOf(max))
    t.equal(status, 200)
    t.equal(body.results.length, 60)
  })

  await t.test('needs a list of items', async (t) => {
    for (const body of [{}, { items: null }, { items: {} }, { items: 'x' }, { items: 1 }, []]) {
      checkError(t, await post(`${server.url}/publish`, body), [400, 'invalid_message'], {
        title: JSON.stringify(body)
      })
    }
  })
})
