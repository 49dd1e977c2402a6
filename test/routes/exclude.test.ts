import t from 'tap'
import { request, startServer } from '../support/server.js'
import { checkError, connectionId, joined, nextOf, post, publish, roomUrl } from './wire.js'

t.test('connections that are left out', async (t) => {
  const server = await startServer(t)

  await t.test('do not get it live, the others do, and it is in the history', async (t) => {
    const [author, otherTab, bob] = [
      await joined(server, 'edits', 'alice'),
      await joined(server, 'edits', 'alice'),
      await joined(server, 'edits', 'bob')
    ]
    const { status } = await post(roomUrl(server, 'edits', '/messages'), {
      content: 'silent',
      exclude: [connectionId(author)]
    })
    t.equal(status, 201)
    await publish(server, 'edits', 'marker')
    t.equal((await nextOf(otherTab, 'chat_message')).content, 'silent', 'another tab of the same user hears it')
    t.equal((await nextOf(bob, 'chat_message')).content, 'silent')
    t.match(await nextOf(author, 'chat_message'), { content: 'marker', offset: 2 })
    t.same(
      author.messages.filter(({ action }) => action === 'gap' || action === 'reset'),
      [],
      'nothing is told as lost'
    )
    const { messages } = (await request(roomUrl(server, 'edits', '/history'))).body
    t.match(messages, [{ content: 'silent' }, { content: 'marker' }])
  })

  await t.test('may be several, and unknown ids harm nobody', async (t) => {
    const [alice, bob, carol] = [
      await joined(server, 'several', 'alice'),
      await joined(server, 'several', 'bob'),
      await joined(server, 'several', 'carol')
    ]
    const unknown = Array.from({ length: 98 }, (_, index) => `nobody-${index}`)
    const exclude = [connectionId(alice), connectionId(bob), ...unknown]
    t.equal(exclude.length, 100)
    t.equal((await post(roomUrl(server, 'several', '/messages'), { content: 'silent', exclude })).status, 201)
    await publish(server, 'several', 'marker')
    t.equal((await nextOf(carol, 'chat_message')).content, 'silent')
    t.equal((await nextOf(alice, 'chat_message')).content, 'marker')
    t.equal((await nextOf(bob, 'chat_message')).content, 'marker')
  })

  await t.test('get it when they ask for what was before', async (t) => {
    const alice = await joined(server, 'replayed', 'alice')
    await post(roomUrl(server, 'replayed', '/messages'), { content: 'silent', exclude: [connectionId(alice)] })
    t.match(await alice.ask({ type: 'join_room', room: 'replayed', last: 1 }), { recovered: 'full', offset: 1 })
    await publish(server, 'replayed', 'marker')
    t.match(await nextOf(alice, 'chat_message'), { content: 'silent', offset: 1 })
  })

  await t.test('an empty list leaves nobody out', async (t) => {
    const alice = await joined(server, 'nobody-out', 'alice')
    await post(roomUrl(server, 'nobody-out', '/messages'), { content: 'heard', exclude: [] })
    t.equal((await nextOf(alice, 'chat_message')).content, 'heard')
  })

  await t.test('more than 100, or what is no list of texts, is refused', async (t) => {
    const tooMany = Array.from({ length: 101 }, (_, index) => `c-${index}`)
    for (const url of [roomUrl(server, 'refused', '/messages'), `${server.url}/broadcast`]) {
      for (const exclude of [tooMany, 'c-1', { 0: 'c-1' }, [1], [null], [['c-1']], 1, true]) {
        const title = JSON.stringify(exclude).slice(0, 20)
        checkError(t, await post(url, { content: 1, exclude }), [400, 'invalid_message'], { title })
      }
    }
    t.equal((await request(roomUrl(server, 'refused'))).body.epoch, null)
  })
})
