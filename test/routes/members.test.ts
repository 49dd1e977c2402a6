import t from 'tap'
import { request, startServer } from '../support/server.js'
import { checkError, joined, roomUrl, TIMESTAMP } from './wire.js'

t.test('the members of a room', async (t) => {
  const server = await startServer(t)
  const members = (query = '', room = 'lobby') => request(roomUrl(server, room, `/members${query}`))

  await t.test('a room that nobody has used has none', async (t) => {
    const { status, body } = await members('', 'nobody')
    t.equal(status, 200)
    t.strictSame(body, { room: 'nobody', online_count: 0, members: [], next_cursor: null })
  })

  const before = new Date().toISOString()
  const users = ['alice', 'bob', '聊 天', '__proto__', 'constructor']
  for (const user of users) await joined(server, 'lobby', user)
  const secondTab = await joined(server, 'lobby', 'alice')

  await t.test('each user is there once, with connections and the time of joining', async (t) => {
    const { status, body } = await members()
    t.equal(status, 200)
    t.same(Object.keys(body).sort(), ['members', 'next_cursor', 'online_count', 'room'])
    t.match(body, { room: 'lobby', online_count: users.length, next_cursor: null })
    t.same(body.members.map((member: { user_id: string }) => member.user_id).sort(), [...users].sort())
    for (const member of body.members) {
      t.same(Object.keys(member).sort(), ['connections', 'joined_at', 'user_id'])
      t.equal(member.connections, member.user_id === 'alice' ? 2 : 1, member.user_id)
      t.match(member.joined_at, TIMESTAMP)
      t.ok(member.joined_at >= before && member.joined_at <= new Date().toISOString(), 'joined just now')
    }
  })

  await t.test('a list over the socket holds the same', async (t) => {
    const { type, id, ...list } = await secondTab.ask({ type: 'list_members', room: 'lobby' })
    t.equal(type, 'ack')
    t.strictSame(list, (await members()).body)
  })

  await t.test('pages hold each user once and end with a null cursor', async (t) => {
    for (const limit of [1, 2, 4, 5]) {
      const seen: string[] = []
      let cursor: string | null = ''
      for (let pages = 0; cursor !== null && pages < 10; pages++) {
        const from = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
        const { body } = await members(`?limit=${limit}${from}`)
        t.ok(body.members.length <= limit, 'no page is larger than its limit')
        t.equal(body.online_count, users.length, 'each page tells the count of all')
        seen.push(...body.members.map((member: { user_id: string }) => member.user_id))
        cursor = body.next_cursor
      }
      t.equal(cursor, null)
      t.same(seen.sort(), [...users].sort(), `limit ${limit}`)
    }
  })

  await t.test('a limit is a whole number from 1 to 1000', async (t) => {
    for (const limit of ['1', '1000']) t.equal((await members(`?limit=${limit}`)).status, 200, limit)
    for (const limit of ['0', '1001', '-1', '2.5', 'x', '']) {
      checkError(t, await members(`?limit=${limit}`), [400, 'invalid_message'], { title: `limit=${limit}` })
    }
  })

  await t.test('a cursor that was never given out harms nobody', async (t) => {
    for (const cursor of ['x', '%00', '-1', '99999999999999999999']) {
      const { status, body } = await members(`?cursor=${cursor}`)
      t.ok(status === 200 || (status === 400 && body.code === 'invalid_message'), `cursor=${cursor}: ${status}`)
    }
  })

  await t.test('who left is gone, who still has a tab stays', async (t) => {
    await secondTab.ask({ type: 'leave_room', room: 'lobby' })
    const { body } = await members()
    const alice = body.members.find((member: { user_id: string }) => member.user_id === 'alice')
    t.match(alice, { connections: 1 })
    t.equal(body.online_count, users.length)
  })

  await t.test('a user who names nobody is listed under the anonymous id of the connection', async (t) => {
    const client = await server.connect()
    await client.ask({ type: 'join_room', room: 'masked' })
    const { body } = await members('', 'masked')
    t.match(body, { online_count: 1, members: [{ user_id: `anonymous:${client.messages[0]?.connection_id}` }] })
  })
})
