import t from 'tap'
import { chat, connected, reconnect, resumed, settled } from './fake-server.js'

t.test('after a drop the session is resumed with the positions of what was seen', async (t) => {
  const scene = await connected()
  scene.socket.say(chat(1), chat(2))
  await reconnect(scene)
  t.match(scene.socket.sent, [
    {
      type: 'resume',
      session_id: 's1',
      resume_token: 't1',
      positions: { r: { epoch: 'a', offset: 2, message_id: 'a2' } }
    }
  ])
  t.equal(scene.client.state, 'connecting', 'until the rooms are found again')
  scene.socket.say({ type: 'ack', id: scene.socket.last('resume').id, ...resumed }, chat(2), chat(3))
  await settled()
  t.match(scene.heard('state').at(-1), { state: 'connected', resumed: true })
  t.strictSame(
    scene.heard('message').map(({ offset }) => offset),
    [1, 2, 3]
  )
})

t.test('the next resume uses the token of the last answer', async (t) => {
  const scene = await connected()
  await reconnect(scene)
  await scene.socket.ack('resume', resumed)
  await reconnect(scene)
  t.match(scene.socket.last('resume'), { session_id: 's1', resume_token: 't2' })
})

t.test('a token whose answer was lost is used again', async (t) => {
  const scene = await connected()
  await reconnect(scene)
  await reconnect(scene)
  t.match(scene.socket.last('resume'), { session_id: 's1', resume_token: 't1' })
  await scene.socket.ack('resume', resumed)
  t.match(scene.heard('state').at(-1), { state: 'connected', resumed: true })
})

t.test('without rooms there is nothing to resume', async (t) => {
  const scene = await connected({}, { room: '' })
  await reconnect(scene)
  t.strictSame(scene.socket.sent, [])
  t.match(scene.heard('state').at(-1), { state: 'connected', resumed: false })
})

t.test('a session that is gone: every room is joined again where it was seen last, and losses are told', async (t) => {
  const scene = await connected()
  scene.socket.say(chat(1))
  const joining = scene.client.join('s')
  await scene.socket.ack('join_room', { room: 's', epoch: 'b', offset: 7, online_count: 1, recovered: 'none' })
  await joining
  await reconnect(scene)
  await scene.socket.refuse('resume', 'session_not_found')
  const [r, s] = scene.socket.all('join_room')
  t.match(r, { room: 'r', since: { epoch: 'a', offset: 1, message_id: 'a1' } })
  t.match(s, { room: 's', since: { epoch: 'b', offset: 7 } })
  t.equal(scene.client.state, 'connecting')
  scene.socket.say(
    { type: 'ack', id: r?.id, room: 'r', epoch: 'a', offset: 5, recovered: 'gap', gap: { from: 2, to: 3 } },
    chat(4),
    chat(5),
    { type: 'ack', id: s?.id, room: 's', epoch: 'c', offset: 1, recovered: 'reset' },
    chat(1, 'c', 's')
  )
  await settled()
  t.match(scene.heard('gap'), [{ room: 'r', epoch: 'a', from: 2, to: 3 }])
  t.match(scene.heard('reset'), [{ room: 's', epoch: 'c', offset: 0 }])
  t.strictSame(
    scene.heard('message').map(({ room, offset }) => [room, offset]),
    [
      ['r', 1],
      ['r', 4],
      ['r', 5],
      ['s', 1]
    ]
  )
  t.match(scene.heard('state').at(-1), { state: 'connected', resumed: false })
  await reconnect(scene)
  t.match(scene.socket.last('resume'), { session_id: 's2', resume_token: 'w2' }, 'the session of the connection')
})

t.test('what the resumed session lost is told, and what it never knew is joined again', async (t) => {
  const scene = await connected()
  for (const room of ['kicked', 'forgotten', 'closed']) {
    const joining = scene.client.join(room)
    await scene.socket.ack('join_room', { room, epoch: 'a', offset: 3, online_count: 1, recovered: 'none' })
    await joining
  }
  await reconnect(scene)
  await scene.socket.ack('resume', { ...resumed, removed: ['kicked'] })
  const [forgotten, closed] = scene.socket.all('join_room')
  t.match(forgotten, { room: 'forgotten', since: { epoch: 'a', offset: 3 } })
  scene.socket.say({ type: 'error', id: closed?.id, code: 'forbidden', message: 'no' })
  const found = { room: 'forgotten', epoch: 'a', offset: 3, online_count: 1, recovered: 'full' }
  scene.socket.say({ type: 'ack', id: forgotten?.id, ...found })
  await settled()
  t.match(scene.heard('removed'), [
    { room: 'kicked', reason: 'removed' },
    { room: 'closed', reason: 'forbidden' }
  ])
  t.strictSame(scene.client.rooms, ['r', 'forgotten'])
  t.equal(scene.client.state, 'connected')
})

t.test('a store that is away for a moment costs no session', async (t) => {
  const scene = await connected()
  await reconnect(scene)
  await scene.socket.refuse('resume', 'store_unavailable', { retry_after_ms: 700 })
  scene.clock.advance(699)
  t.equal(scene.socket.all('resume').length, 1)
  scene.clock.advance(1)
  await settled()
  t.equal(scene.socket.all('resume').length, 2)
  await scene.socket.ack('resume', resumed)
  t.match(scene.heard('state').at(-1), { state: 'connected', resumed: true })
})

t.test('a gap or reset in the middle of things is told, and what follows passes', async (t) => {
  const scene = await connected({}, { offset: 5 })
  scene.socket.say(
    { type: 'system', action: 'gap', room: 'r', epoch: 'a', from: 6, to: 8 },
    chat(9),
    { type: 'system', action: 'reset', room: 'r', epoch: 'b', offset: 7 },
    chat(8, 'b'),
    chat(9, 'b'),
    { type: 'system', action: 'gap', room: 'elsewhere', epoch: 'a', from: 1, to: 2 }
  )
  t.match(scene.heard('gap'), [{ room: 'r', from: 6, to: 8 }])
  t.match(scene.heard('reset'), [{ room: 'r', epoch: 'b', offset: 7 }])
  t.strictSame(
    scene.heard('message').map(({ epoch, offset }) => `${epoch}${offset}`),
    ['a9', 'b8', 'b9']
  )
})

t.test('a join with last or since begins there, and hears nothing from before', async (t) => {
  const scene = await connected()
  const newest = scene.client.join('s', { last: 2 })
  t.match(scene.socket.last('join_room'), { room: 's', last: 2 })
  await scene.socket.ack('join_room', { room: 's', epoch: 'a', offset: 9, online_count: 1, recovered: 'full' })
  t.match(await newest, { room: 's', offset: 9, recovered: 'full' })
  scene.socket.say(chat(7, 'a', 's'), chat(8, 'a', 's'))
  t.strictSame(scene.client.position('s'), { epoch: 'a', offset: 8, message_id: 'a8' })
  const since = scene.client.join('s', { since: { epoch: 'a', offset: 4 } })
  await scene.socket.ack('join_room', { room: 's', epoch: 'a', offset: 9, online_count: 1, recovered: 'full' })
  await since
  scene.socket.say(chat(5, 'a', 's'))
  t.strictSame(
    scene.heard('message').map(({ offset }) => offset),
    [8, 5],
    'asked for again, it comes again'
  )
})

t.test('after leave nothing is heard of the room, and it is not joined again', async (t) => {
  const scene = await connected()
  const leaving = scene.client.leave('r')
  scene.socket.say(chat(1), { type: 'system', action: 'user_left', room: 'r', user_id: 'bob', online_count: 1 })
  await scene.socket.ack('leave_room', { room: 'r' })
  await leaving
  t.strictSame(scene.heard('presence'), [])
  t.strictSame(scene.heard('message'), [])
  await reconnect(scene)
  t.strictSame(scene.socket.sent, [])
})

t.test('whoever is removed is in the room no longer', async (t) => {
  const scene = await connected()
  scene.socket.say({ type: 'system', action: 'removed', room: 'r', reason: 'kicked' }, chat(1))
  t.match(scene.heard('removed'), [{ room: 'r', reason: 'kicked' }])
  t.strictSame(scene.client.rooms, [])
  t.strictSame(scene.heard('message'), [])
})

t.test('messages of any type that have a place in a room are messages of the room', async (t) => {
  const scene = await connected()
  scene.socket.say({ ...chat(1), type: 'poll_opened' }, { ...chat(1), type: 'poll_opened' })
  t.match(scene.heard('message'), [{ type: 'poll_opened', offset: 1 }])
})

t.test('a join that was not answered is asked again after the resume', async (t) => {
  const scene = await connected()
  const joining = scene.client.join('s', { last: 5 })
  await reconnect(scene)
  t.strictSame(
    scene.socket.sent.map(({ type }) => type),
    ['resume']
  )
  await scene.socket.ack('resume', resumed)
  t.match(scene.socket.last('join_room'), { room: 's', last: 5 })
  await scene.socket.ack('join_room', { room: 's', epoch: 'a', offset: 0, online_count: 1, recovered: 'full' })
  t.match(await joining, { room: 's' })
})
