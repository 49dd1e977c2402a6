import t from 'tap'
import type { WebSocketServer } from 'ws'
import type { DirectMessage, PresenceEvent } from '../../client/src/index.js'
import { onEachStore, range } from '../live/each-store.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'
import { contentsOf, listen, stateOf } from './listener.js'

/** The server cuts all connections, as a network would. */
function cut({ app }: TestServer): void {
  for (const socket of (app.websocketServer as WebSocketServer).clients) socket.terminate()
}

const post = (server: { url: string }, content: unknown, room = 'r') =>
  request(`${server.url}/rooms/${room}/messages`, { method: 'POST', body: { content } })

onEachStore('messages flow while connections are cut: all arrive, none twice, in order', async (t, start) => {
  const server = await start({ PRESENCE_GRACE: 10, RATE_LIMIT_PER_SECOND: 0 })
  const alice = await listen(t, { url: server.url, userId: 'alice' })
  const bob = await listen(t, { url: server.url, userId: 'bob' })
  await Promise.all([alice.client.join('r'), bob.client.join('r')])
  const moves: PresenceEvent[] = []
  bob.client.on('presence', (presence) => void moves.push(presence))
  const resumes: unknown[] = []
  for (const { client } of [alice, bob]) {
    client.on('state', ({ state, resumed }) => void (state === 'connected' && resumes.push(resumed)))
  }
  const total = 600
  let sent = 0
  const publishing = Promise.all([
    ...range(1, total / 2).map((n) => alice.client.publish('r', { by: 'alice', n })),
    (async () => {
      for (sent = 1; sent <= total / 2; sent++) await post(server, { by: 'backend', n: sent })
    })()
  ])
  for (let cuts = 1; cuts <= 12; cuts++) {
    await until(() => sent > cuts * 20 && alice.client.state === 'connected' && bob.client.state === 'connected')
    cut(server)
  }
  await publishing
  for (const listener of [alice, bob]) {
    await until(() => listener.messages.length >= total)
    t.strictSame(
      listener.messages.map(({ offset }) => offset),
      range(1, total)
    )
    t.strictSame(listener.losses, [])
  }
  const mine = contentsOf(bob).filter((content) => (content as { by: string }).by === 'alice')
  t.strictSame(
    mine,
    range(1, total / 2).map((n) => ({ by: 'alice', n })),
    'in the order they were published'
  )
  t.ok(resumes.length >= 20, `${resumes.length} comebacks`)
  t.ok(resumes.every((resumed) => resumed === true))
  t.notOk(
    moves.some(({ action }) => action === 'user_left'),
    'nobody heard that the other was away'
  )
})

t.test('the answer to a resume is lost: the session goes on all the same', async (t) => {
  const server = await startServer(t, { PRESENCE_GRACE: 10 })
  const alice = await listen(t, { url: server.url, userId: 'alice' })
  await alice.client.join('r')
  await post(server, 1)
  await until(() => alice.messages.length === 1)
  const states: unknown[] = []
  alice.client.on('state', ({ state, resumed }) => void states.push([state, resumed]))
  let lost = 0
  const stop = alice.client.on('sent', ({ type }) => {
    if (type !== 'resume') return
    stop()
    // The server takes it, and is cut off before its answer is out.
    for (const socket of (server.app.websocketServer as WebSocketServer).clients) {
      const { _socket: raw } = socket as unknown as { _socket: { write(): boolean } }
      raw.write = () => {
        lost++
        setImmediate(() => socket.terminate())
        return true
      }
    }
  })
  cut(server)
  await stateOf(alice, 'waiting')
  await post(server, 2)
  await until(() => alice.client.state === 'connected')
  await until(() => alice.messages.length === 2)
  t.ok(lost > 0)
  t.strictSame(states.at(-1), ['connected', true])
  t.equal(states.filter((state) => (state as unknown[])[0] === 'waiting').length, 2)
  t.strictSame(contentsOf(alice), [1, 2])
})

t.test('a publish whose acknowledgement is lost is stored once', async (t) => {
  const server = await startServer(t)
  const alice = await listen(t, { url: server.url, userId: 'alice' })
  await alice.client.join('r')
  let acks = 0
  // Stored, but cut off before the answer is out.
  const publish = server.app.rooms.publish.bind(server.app.rooms)
  server.app.rooms.publish = async (request) => {
    const published = await publish(request)
    if (acks++ === 0) cut(server)
    return published
  }
  const ack = await alice.client.publish('r', 'once')
  t.match(ack, { offset: 1, duplicate: true })
  t.equal(acks, 2)
  const { body } = await request(`${server.url}/rooms/r/history`)
  t.equal(body.messages.length, 1)
  await alice.client.publish('r', 'next')
  await until(() => alice.messages.length === 2)
  t.strictSame(contentsOf(alice), ['once', 'next'])
})

t.test('a session that is over: the rooms are joined anew, and what is lost is told', async (t) => {
  const server = await startServer(t, { HISTORY_SIZE: 3 })
  const alice = await listen(t, { url: server.url, userId: 'alice', random: () => 0.4 })
  await alice.client.join('r')
  await alice.client.join('s')
  await post(server, 1)
  await until(() => alice.messages.length === 1)
  const { sessions } = server.app.store
  const take = sessions.take.bind(sessions)
  sessions.take = async () => undefined
  cut(server)
  await stateOf(alice, 'waiting')
  for (const n of range(2, 6)) await post(server, n)
  await post(server, 'kept', 's')
  await until(() => alice.messages.length === 5)
  sessions.take = take
  t.strictSame(contentsOf(alice).sort(), [1, 4, 5, 6, 'kept'])
  t.match(alice.losses, [{ room: 'r', from: 2, to: 3 }])
  t.equal(alice.client.state, 'connected')
})

t.test('the inbox: each message once a device, and nothing again once it is acknowledged', async (t) => {
  const server = await startServer(t)
  const bob = await listen(t, { url: server.url, userId: 'bob' })
  await bob.client.direct('alice', 'while you were out')
  const alice = await listen(t, { url: server.url, userId: 'alice' })
  const heard: unknown[] = []
  alice.client.on('direct', ({ content }) => void heard.push(content))
  // The first one came before anybody listened; after the drop it comes again.
  cut(server)
  await until(() => heard.length === 1)
  for (const content of ['two', 'three']) await bob.client.direct('alice', content)
  await until(() => heard.length === 3)
  const inbox = () => request(`${server.url}/users/alice/inbox`)
  await until(inbox, ({ body }) => body.cursor === 3)
  cut(server)
  await until(() => alice.client.state === 'connected')
  t.match(await bob.client.direct('alice', 'four'), { to: 'alice', duplicate: false })
  await until(() => heard.length === 4)
  t.strictSame(heard, ['while you were out', 'two', 'three', 'four'])
  await alice.client.close()
  const phone = await listen(t, { url: server.url, userId: 'alice', deviceId: 'phone', acknowledge: 'manual' })
  const onPhone: DirectMessage[] = []
  phone.client.on('direct', (message) => void onPhone.push(message))
  cut(server)
  await until(() => onPhone.length >= 4)
  const last = onPhone.at(-1) as DirectMessage
  t.match(await phone.client.acknowledge(last), { offset: 4 })
})

t.test('history and members, as the server tells them', async (t) => {
  const server = await startServer(t)
  const alice = await listen(t, { url: server.url, userId: 'alice' })
  await alice.client.join('r')
  for (const n of [1, 2, 3]) await alice.client.publish('r', n)
  const { messages, has_more } = await alice.client.history('r', { limit: 2 })
  t.match([messages.map(({ content }) => content), has_more], [[2, 3], true])
  t.match(await alice.client.members('r'), { online_count: 1, members: [{ user_id: 'alice', connections: 1 }] })
  const late = await listen(t, { url: server.url, userId: 'bob' })
  t.match(await late.client.join('r', { last: 2 }), { online_count: 2, recovered: 'full' })
  await until(() => late.messages.length === 2)
  t.strictSame(contentsOf(late), [2, 3])
  const signals: unknown[] = []
  late.client.on('signal', ({ content }) => void signals.push(content))
  await alice.client.signal('r', 'typing')
  await until(() => signals.length === 1)
  await alice.client.leave('r')
  t.strictSame(alice.client.rooms, [])
})
