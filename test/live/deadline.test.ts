import t from 'tap'
import { ManualClock } from '../support/manual-clock.js'
import { request, startServer, type TestServer } from '../support/server.js'
import { until } from '../support/until.js'

const room = 'r'

interface Held {
  /** How often it was asked. */
  asked: number
  release(): void
}

/** From now on a method of the store answers only after `release`. */
function holdBack<T extends object>(port: T, name: keyof T): Held {
  const original = port[name] as (...args: unknown[]) => Promise<unknown>
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const held = {
    asked: 0,
    release: () => {
      Object.assign(port, { [name]: original })
      open()
    }
  }
  Object.assign(port, {
    [name]: async (...args: unknown[]) => {
      held.asked++
      await opened
      return await original.apply(port, args)
    }
  })
  return held
}

async function opened(t: Test) {
  const clock = new ManualClock()
  const server = await startServer(t, {}, { clock })
  const witness = await server.connect('/ws?user_id=witness')
  await witness.ask({ type: 'join_room', room })
  return { clock, server, witness, client: await server.connect('/ws?user_id=a') }
}

type Test = Parameters<typeof startServer>[0]

async function onlineIn(server: TestServer): Promise<number> {
  return (await request(`${server.url}/rooms/${room}/online`)).body.online_count
}

t.test('a join that was refused for want of an answer is not in force when the answer comes', async (t) => {
  const { clock, server, witness, client } = await opened(t)
  const held = holdBack(server.app.store.removals, 'newest')
  const joining = client.ask({ type: 'join_room', room })
  await until(
    () => onlineIn(server),
    (count) => count === 2
  )
  clock.advance(2800)
  t.match(await joining, { type: 'error', code: 'store_unavailable', retry_after_ms: 1000 })
  held.release()
  await until(
    () => onlineIn(server),
    (count) => count === 1
  )
  t.match(await witness.ask({ type: 'chat_message', room, content: 'only for who is in' }), { type: 'ack' })
  t.match(await client.ask({ type: 'heartbeat' }), { type: 'heartbeat_ack' })
  t.notOk(client.messages.some(({ type }) => type === 'chat_message'))
  t.match(await client.ask({ type: 'join_room', room }), { type: 'ack', online_count: 2 })
})

t.test('what waits behind it is told in time as well, with the id of its message, and is never begun', async (t) => {
  const { clock, server, client } = await opened(t)
  const held = holdBack(server.app.store.removals, 'newest')
  const joining = client.ask({ type: 'join_room', room })
  const named = client.ask({ type: 'chat_message', room, content: 1, message_id: 'mine' })
  const unnamed = client.ask({ type: 'chat_message', room, content: 2 })
  await until(
    () => onlineIn(server),
    (count) => count === 2
  )
  clock.advance(2800)
  t.match(await joining, { code: 'store_unavailable' })
  t.match(await named, { code: 'store_unavailable', message_id: 'mine', retry_after_ms: 1000 })
  t.match(await unnamed, { code: 'store_unavailable', message_id: /^[0-9a-f-]{36}$/ })
  held.release()
  t.match(await client.ask({ type: 'chat_message', room, content: 3 }), { type: 'ack', offset: 1 })
})

t.test('a join that is in force is told as one, though its session cannot be written', async (t) => {
  const { clock, server, client } = await opened(t)
  const held = holdBack(server.app.store.sessions, 'save')
  const joining = client.ask({ type: 'join_room', room })
  await until(
    () => onlineIn(server),
    (count) => count === 2
  )
  await until(() => [...server.app.pool.all()].every((connection) => server.app.rooms.roomsOf(connection).length === 1))
  clock.advance(2800)
  t.match(await joining, { type: 'ack', room, online_count: 2 })
  held.release()
})

t.test('a resume that was refused for want of an answer leaves nobody in a room, and can be made again', async (t) => {
  const { clock, server, client } = await opened(t)
  const { session_id, resume_token } = client.messages[0] ?? {}
  await client.ask({ type: 'join_room', room })
  client.terminate()
  const next = await server.connect('/ws?user_id=a')
  const held = holdBack(server.app.store.presence, 'join')
  const resuming = next.ask({ type: 'resume', session_id, resume_token })
  await until(() => held.asked > 0)
  clock.advance(2800)
  t.match(await resuming, { type: 'error', code: 'store_unavailable' })
  held.release()
  await until(() => server.app.rooms.roomsOf([...server.app.pool.ofUser('a')][0] as never).length === 0)
  t.match(await next.ask({ type: 'resume', session_id, resume_token }), { type: 'ack', rooms: { [room]: {} } })
})
