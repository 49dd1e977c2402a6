import t from 'tap'
import { request, startServer } from '../support/server.js'
import { checkError, joined, nextOf, post, publish, roomUrl } from './wire.js'

/** Content that is `bytes` long as JSON text. */
const textOf = (bytes: number) => 'x'.repeat(bytes - 2)
const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`

t.test('content of every kind comes through as it was given', async (t) => {
  const server = await startServer(t)
  const member = await joined(server, 'kinds', 'alice')
  const contents: unknown[] = [
    null,
    false,
    true,
    0,
    -1.5,
    1e21,
    9007199254740991,
    '',
    ' ',
    'null',
    '聊天 \ud83d\ude00 \u2028\u2029 \u0000\n\r\t "\\/',
    '\ud800',
    '</script>',
    [],
    {},
    [[], {}, [null]],
    { content: { content: 1 }, type: 'ack', room: 'other', user_id: 'x', '': 0, '{}': 1 },
    { toString: 1, hasOwnProperty: 2 }
  ]
  for (const [index, content] of contents.entries()) {
    const title = `content ${index}`
    const { offset } = await publish(server, 'kinds', content)
    const live = await member.next((message) => message.offset === offset)
    t.ok('content' in live, title)
    t.strictSame(live.content, content, title)
  }
  const { body } = await request(roomUrl(server, 'kinds', '/history'))
  t.strictSame(
    body.messages.map((message: { content: unknown }) => message.content),
    contents
  )
})

t.test('content has to be there', async (t) => {
  const server = await startServer(t)
  for (const url of [roomUrl(server, 'none', '/messages'), `${server.url}/broadcast`]) {
    checkError(t, await post(url, {}), [400, 'invalid_message'])
    checkError(t, await post(url, { message_id: 'x' }), [400, 'invalid_message'])
  }
  t.equal((await request(roomUrl(server, 'none'))).body.epoch, null)
})

t.test('the largest content', async (t) => {
  for (const [title, settings, max] of [
    ['by default 65,536 bytes', {}, 65_536],
    ['as MAX_MESSAGE_BYTES says', { MAX_MESSAGE_BYTES: 1000 }, 1000],
    ['as MAX_MESSAGE_BYTES says, more than a request may have by default', { MAX_MESSAGE_BYTES: 2_000_000 }, 2_000_000]
  ] as const) {
    await t.test(title, async (t) => {
      const server = await startServer(t, settings)
      const url = roomUrl(server, 'large', '/messages')
      const member = await joined(server, 'large', 'alice')
      t.equal((await post(url, { content: textOf(max) })).status, 201, 'exactly at the limit')
      t.equal((await nextOf(member, 'chat_message')).content.length, max - 2)
      checkError(t, await post(url, { content: textOf(max + 1) }), [413, 'message_too_large'])
      const wide = '天'.repeat(Math.ceil(max / 3))
      checkError(t, await post(url, { content: wide }), [413, 'message_too_large'], { title: 'bytes are counted' })
      checkError(t, await post(`${server.url}/broadcast`, { content: textOf(max + 1) }), [413, 'message_too_large'])
      t.equal((await post(`${server.url}/broadcast`, { content: textOf(max) })).status, 202)
      t.equal((await request(roomUrl(server, 'large'))).body.offset, 1, 'what was refused is not stored')
    })
  }
})

t.test('the largest content may be written with escapes', async (t) => {
  const bytes = 1_000_000
  const server = await startServer(t, { MAX_MESSAGE_BYTES: bytes })
  const content = `"${'\\u0041'.repeat(bytes - 2)}"`
  t.equal((await post(roomUrl(server, 'large', '/messages'), `{"content":${content}}`)).status, 201)
})

t.test('a body over what a request may have is refused before it is read', async (t) => {
  const server = await startServer(t)
  const body = JSON.stringify({ content: 1, padding: 'x'.repeat(8_000_000) })
  for (const url of [roomUrl(server, 'large', '/messages'), `${server.url}/broadcast`, `${server.url}/publish`]) {
    checkError(t, await post(url, body), [413, 'message_too_large'], { title: url })
  }
})

t.test('nesting', async (t) => {
  const server = await startServer(t)
  const url = roomUrl(server, 'deep', '/messages')

  await t.test('of 20,000 levels is an error and nothing more', async (t) => {
    const levels = 20_000
    for (const content of [nested(levels), `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`]) {
      checkError(t, await post(url, `{"content":${content}}`), [400, 'invalid_message'])
      checkError(t, await post(`${server.url}/broadcast`, `{"content":${content}}`), [400, 'invalid_message'])
      for (const field of ['exclude', 'message_id', 'user_id']) {
        checkError(t, await post(url, `{"content":1,"${field}":${content}}`), [400, 'invalid_message'], {
          title: field
        })
      }
      const batch = `{"items":[{"room":"deep","content":${content}},{"room":"ok","content":1},${content}]}`
      const { status, body } = await post(`${server.url}/publish`, batch)
      t.equal(status, 200)
      t.match(body.results, [{ code: 'invalid_message' }, { room: 'ok' }, { code: 'invalid_message' }])
      checkError(t, await post(`${server.url}/publish`, content), [400, 'invalid_message'])
    }
    t.equal((await request(roomUrl(server, 'deep'))).body.epoch, null)
  })

  await t.test('is as deep over REST as over the socket', async (t) => {
    const member = await joined(server, 'levels', 'alice')
    for (const levels of [1, 62, 63, 64, 65, 66]) {
      member.raw(`{"id":"deep-${levels}","type":"chat_message","room":"levels","content":${nested(levels)}}`)
      const overSocket = await member.next((answer) => answer.id === `deep-${levels}`)
      const overRest = await post(roomUrl(server, 'levels', '/messages'), `{"content":${nested(levels)}}`)
      t.equal(overRest.status === 201, overSocket.type === 'ack', `${levels} levels`)
    }
  })

  await t.test('of 60 levels is fine', async (t) => {
    t.equal((await post(url, `{"content":${nested(60)}}`)).status, 201)
  })
})
