import t from 'tap'
import { chat, connected, resumed, type Stage, settled } from './fake-server.js'

/** A client whose node goes away, with the next connection open beside the old one. */
async function leaving(): Promise<{ scene: Stage; old: Stage['socket']; next: Stage['socket'] }> {
  const scene = await connected()
  const old = scene.socket
  old.say(chat(1), { type: 'system', action: 'goaway', reconnect_within_ms: 4000 })
  scene.clock.advance(2000)
  return { scene, old, next: scene.socket }
}

t.test('the new connection comes first, within a random part of the time, and then the old one goes', async (t) => {
  const scene = await connected()
  const old = scene.socket
  old.say({ type: 'system', action: 'goaway', reconnect_within_ms: 4000 })
  scene.clock.advance(1999)
  t.equal(scene.sockets.length, 1)
  scene.clock.advance(1)
  t.equal(scene.sockets.length, 2)
  scene.socket.welcome()
  await settled()
  t.match(scene.socket.sent, [{ type: 'resume', session_id: 's1', resume_token: 't1' }])
  t.equal(old.closedWith, undefined)
  await scene.socket.ack('resume', resumed)
  t.equal(old.closedWith, 1000)
  t.equal(scene.client.state, 'connected')
  t.notOk(
    scene.heard('state').some(({ state }) => state === 'waiting'),
    'it was connected all the time'
  )
})

t.test('while both are there every message comes once and in order', async (t) => {
  const { scene, old, next } = await leaving()
  next.welcome()
  await settled()
  t.match(next.last('resume').positions, { r: { epoch: 'a', offset: 1 } })
  old.say(chat(2), chat(3))
  next.say({ type: 'ack', id: next.last('resume').id, ...resumed }, chat(2), chat(3), chat(4))
  old.say(chat(4), chat(5))
  await settled()
  next.say(chat(5), chat(6))
  t.strictSame(
    scene.heard('message').map(({ offset }) => offset),
    [1, 2, 3, 4, 5, 6]
  )
})

t.test('from the answer to the resume on only the new connection is heard', async (t) => {
  const { scene, old, next } = await leaving()
  next.welcome()
  await settled()
  const lost = { epoch: 'b', offset: 2, online_count: 1, recovered: 'reset' }
  next.say({ type: 'ack', id: next.last('resume').id, ...resumed, rooms: { r: lost } })
  old.say(chat(2, 'b'))
  next.say(chat(1, 'b'), chat(2, 'b'))
  t.strictSame(
    scene.heard('message').map(({ epoch, offset }) => `${epoch}${offset}`),
    ['a1', 'b1', 'b2']
  )
})

t.test('that the server closes the old one as taken over is not the end', async (t) => {
  const { scene, old, next } = await leaving()
  next.welcome()
  await settled()
  old.drop(4502, 'session taken over by a newer connection')
  t.equal(scene.client.state, 'connecting')
  await next.ack('resume', resumed)
  t.equal(scene.client.state, 'connected')
  next.say(chat(2))
  t.equal(scene.heard('message').at(-1)?.offset, 2)
})

t.test('a backend that disconnects the user on the old one means both', async (t) => {
  const { scene, old, next } = await leaving()
  old.drop(4501)
  t.equal(scene.client.state, 'closed')
  t.equal(next.closedWith, 1000)
})

t.test('an old connection that ends early leaves it to the new one', async (t) => {
  const { scene, old, next } = await leaving()
  old.drop(1012)
  t.equal(scene.sockets.length, 2)
  next.welcome()
  await settled()
  await next.ack('resume', resumed)
  t.equal(scene.client.state, 'connected')
})

t.test('a new connection that fails is tried again while the old one serves', async (t) => {
  const { scene, old, next } = await leaving()
  next.drop(1006)
  t.equal(scene.client.state, 'connected')
  const publishing = scene.client.publish('r', 1)
  await old.ack('chat_message', { room: 'r', offset: 2 })
  t.match(await publishing, { offset: 2 })
  scene.clock.advance(250)
  t.equal(scene.sockets.length, 3)
  scene.socket.welcome()
  await settled()
  await scene.socket.ack('resume', resumed)
  t.equal(old.closedWith, 1000)
})

t.test('what was under way on the old one is asked again on the new one', async (t) => {
  const { scene, old, next } = await leaving()
  const publishing = scene.client.publish('r', 'hello')
  const messageId = old.last('chat_message').message_id
  next.welcome()
  await settled()
  await next.ack('resume', resumed)
  t.equal(next.last('chat_message').message_id, messageId)
  await next.ack('chat_message', { room: 'r', offset: 2, duplicate: true })
  t.match(await publishing, { duplicate: true })
})

t.test('a session that is gone by then is made anew, with the rooms', async (t) => {
  const { scene, old, next } = await leaving()
  next.welcome({ session_id: 's2', resume_token: 'w2' })
  await settled()
  await next.refuse('resume', 'session_not_found')
  t.match(next.last('join_room'), { room: 'r', since: { epoch: 'a', offset: 1 } })
  await next.ack('join_room', { room: 'r', epoch: 'a', offset: 1, online_count: 1, recovered: 'full' })
  t.equal(old.closedWith, 1000)
  t.equal(scene.client.state, 'connected')
})

t.test('a node that drops before the time is up is left at once, once', async (t) => {
  const scene = await connected()
  scene.socket.say({ type: 'system', action: 'goaway', reconnect_within_ms: 10_000 })
  scene.socket.drop(1012)
  scene.clock.advance(20_000)
  t.equal(scene.sockets.length, 2)
})
