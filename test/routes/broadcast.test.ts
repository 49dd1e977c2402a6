import t from 'tap'
import { request, startServer } from '../support/server.js'
import { checkError, connectionId, joined, nextOf, post, TIMESTAMP, UUID_V7 } from './wire.js'

t.test('a broadcast', async (t) => {
  const server = await startServer(t)
  const broadcast = (body: object) => post(`${server.url}/broadcast`, body)

  await t.test('is accepted where nobody listens', async (t) => {
    const { status, body } = await broadcast({ content: 'hello' })
    t.equal(status, 202)
    t.same(Object.keys(body).sort(), ['message_id', 'timestamp'])
    t.match(body, { message_id: UUID_V7, timestamp: TIMESTAMP })
  })

  await t.test('is named by the header, too, which may not contradict its body', async (t) => {
    const named = (body: object) =>
      request(`${server.url}/broadcast`, { method: 'POST', body, headers: { 'idempotency-key': 'night-1' } })
    t.match(await named({ content: 1 }), { status: 202, body: { message_id: 'night-1' } })
    t.match(await named({ content: 1, message_id: 'night-1' }), { status: 202, body: { message_id: 'night-1' } })
    checkError(t, await named({ content: 1, message_id: 'night-2' }), [400, 'invalid_message'])
  })

  await t.test('reaches every connection, in rooms or in none, known or not', async (t) => {
    const listeners = [
      await joined(server, 'lobby', 'alice'),
      await joined(server, 'lobby', 'alice'),
      await server.connect('/ws?user_id=roomless'),
      await server.connect('/'),
      await server.connect('/ws', { protocols: ['roomcast.v1.ndjson'] })
    ]
    const { body } = await broadcast({ content: { text: '大家好' }, message_id: 'maintenance-1' })
    t.equal(body.message_id, 'maintenance-1')
    for (const listener of listeners) {
      t.strictSame(await nextOf(listener, 'broadcast'), {
        type: 'broadcast',
        content: { text: '大家好' },
        message_id: 'maintenance-1',
        timestamp: body.timestamp
      })
    }
    for (const listener of listeners) {
      await listener.ask({ type: 'heartbeat' })
      t.equal(listener.messages.filter(({ type }) => type === 'broadcast').length, 1, 'once')
      listener.terminate()
    }
  })

  await t.test('leaves out whom it is told to', async (t) => {
    const [alice, bob] = [await server.connect(), await server.connect()]
    const exclude = [connectionId(alice), 'nobody']
    t.equal((await broadcast({ content: 'silent', exclude })).status, 202)
    t.equal((await broadcast({ content: 'marker' })).status, 202)
    t.equal((await nextOf(bob, 'broadcast')).content, 'silent')
    t.equal((await nextOf(alice, 'broadcast')).content, 'marker')
  })

  await t.test('of null is a message too', async (t) => {
    const alice = await server.connect()
    for (const content of [null, false, 0, '']) {
      await broadcast({ content })
      t.strictSame((await nextOf(alice, 'broadcast')).content, content)
    }
  })

  await t.test('makes no room', async (t) => {
    const alice = await server.connect()
    await broadcast({ content: 1 })
    await nextOf(alice, 'broadcast')
    for (const room of ['broadcast', 'broadcast:', '']) {
      if (room !== '') t.equal((await request(`${server.url}/rooms/${room}`)).body.epoch, null, room)
    }
    t.same((await request(`${server.url}/rooms?prefix=broadcast`)).body.rooms, [])
  })

  await t.test('cannot be heard or forged through a room of a like name', async (t) => {
    const alice = await joined(server, 'broadcast:', 'alice')
    await post(`${server.url}/rooms/${encodeURIComponent('broadcast:')}/messages`, { content: 'room' })
    t.match(await nextOf(alice, 'chat_message'), { room: 'broadcast:', content: 'room' })
    t.same(
      alice.messages.filter(({ type }) => type === 'broadcast'),
      []
    )
  })

  await t.test('with a bad id is refused', async (t) => {
    for (const message_id of ['', '..', 'x'.repeat(129), 'a\u0001', '\udfff']) {
      checkError(t, await broadcast({ content: 1, message_id }), [400, 'invalid_id'])
    }
    for (const message_id of [1, {}, []]) {
      checkError(t, await broadcast({ content: 1, message_id }), [400, 'invalid_message'])
    }
  })
})
