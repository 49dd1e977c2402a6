import t from 'tap'
import { until } from '../support/until.js'
import { allAnswered, isoWithMilliseconds, onEachStore } from './each-store.js'

t.setTimeout(150_000)

onEachStore('a signal reaches all members but the connection that sent it', async (t, start) => {
  const server = await start()
  const [tab, otherTab] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=alice')]
  const bob = await server.connect('/ws?user_id=bob')
  const outsider = await server.connect('/ws?user_id=outsider')
  for (const member of [tab, otherTab, bob]) await member.ask({ type: 'join_room', room: 'r' })
  const { id, ...ack } = await tab.ask({ type: 'signal', room: 'r', content: { typing: true } })
  t.strictSame(ack, { type: 'ack', room: 'r' })
  for (const member of [otherTab, bob]) {
    const { timestamp, ...signal } = await member.next((m) => m.type === 'signal')
    t.strictSame(signal, { type: 'signal', room: 'r', content: { typing: true }, user_id: 'alice' })
    t.match(timestamp, isoWithMilliseconds)
  }
  await bob.ask({ type: 'chat_message', room: 'r', content: 'marker' })
  await tab.next((m) => m.type === 'chat_message')
  await allAnswered(outsider)
  for (const client of [tab, outsider]) t.notOk(client.messages.some(({ type }) => type === 'signal'))
})

onEachStore('a signal has no history and takes no offset', async (t, start) => {
  const server = await start()
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  await bob.ask({ type: 'join_room', room: 'r' })
  for (const content of [1, 2, 3]) await alice.ask({ type: 'signal', room: 'r', content })
  t.match(await alice.ask({ type: 'chat_message', room: 'r', content: 4 }), { offset: 1 })
  await bob.next((m) => m.type === 'chat_message')
  t.strictSame(
    bob.messages.filter(({ type }) => type === 'signal' || type === 'chat_message').map(({ content }) => content),
    [1, 2, 3, 4],
    'one that does not listen may signal, and order is kept'
  )
  const history = await alice.ask({ type: 'read_history', room: 'r' })
  t.equal(history.messages.length, 1)
  const late = await server.connect('/ws?user_id=late')
  await late.ask({ type: 'join_room', room: 'r', last: 10 })
  await late.next((m) => m.type === 'chat_message')
  t.notOk(late.messages.some(({ type }) => type === 'signal'))
})

onEachStore('any JSON is the content of a signal, digit for digit', async (t, start) => {
  const server = await start()
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  await bob.ask({ type: 'join_room', room: 'r' })
  alice.raw('{"type":"signal","room":"r","content":{"n":12345678901234567890,"x":1.50}}')
  await bob.next((m) => m.type === 'signal')
  t.match(bob.frames.at(-1), '"content":{"n":12345678901234567890,"x":1.50}')
  await alice.ask({ type: 'signal', room: 'r', content: null })
  t.equal((await bob.next((m) => m.type === 'signal')).content, null)
})

onEachStore('a signal without a room or a content is invalid_message', async (t, start) => {
  const server = await start()
  const alice = await server.connect('/ws?user_id=alice')
  t.match(await alice.ask({ type: 'signal', room: 'r' }), { code: 'invalid_message', message: /content/ })
  t.match(await alice.ask({ type: 'signal', content: 1 }), { code: 'invalid_message', message: /room/ })
  t.match(await alice.ask({ type: 'signal', room: '', content: 1 }), { code: 'invalid_id' })
})

onEachStore('who joins a second time hears signals until it is answered, too', async (t, start) => {
  const server = await start()
  const [alice, bob] = [await server.connect('/ws?user_id=alice'), await server.connect('/ws?user_id=bob')]
  for (const client of [alice, bob]) await client.ask({ type: 'join_room', room: 'r' })
  const { sessions } = server.app
  const joined = sessions.joined.bind(sessions)
  let save = () => {}
  let isSaving = false
  sessions.joined = async (...joining) => {
    isSaving = true
    await new Promise<void>((resolve) => {
      save = resolve
    })
    await joined(...joining)
  }
  const answered = alice.ask({ type: 'join_room', room: 'r' })
  await until(() => isSaving)
  await bob.ask({ type: 'signal', room: 'r', content: 'typing' })
  t.match(await alice.next(({ type }) => type === 'signal'), { content: 'typing' })
  save()
  t.match(await answered, { type: 'ack', room: 'r' })
})
