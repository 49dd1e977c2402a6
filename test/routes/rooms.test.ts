import t from 'tap'
import { request, startServer } from '../support/server.js'
import { checkError, joined, publish, roomUrl } from './wire.js'

t.test('one room', async (t) => {
  const server = await startServer(t)

  await t.test('a room that nobody has used is no error', async (t) => {
    const { status, body } = await request(roomUrl(server, 'nobody'))
    t.equal(status, 200)
    t.strictSame(body, { room: 'nobody', online_count: 0, connections: 0, epoch: null, offset: 0 })
    const online = await request(roomUrl(server, 'nobody', '/online'))
    t.equal(online.status, 200)
    t.strictSame(online.body, { room: 'nobody', online_count: 0, connections: 0 })
  })

  await t.test('looking at a room does not make it one', async (t) => {
    await request(roomUrl(server, 'looked-at'))
    await request(roomUrl(server, 'looked-at', '/history'))
    t.equal((await request(roomUrl(server, 'looked-at'))).body.epoch, null)
  })

  await t.test('users are counted once, connections each', async (t) => {
    const [tab, otherTab, bob] = [
      await joined(server, 'counted', 'alice'),
      await joined(server, 'counted', 'alice'),
      await joined(server, 'counted', 'bob')
    ]
    const counts = { room: 'counted', online_count: 2, connections: 3 }
    t.strictSame((await request(roomUrl(server, 'counted', '/online'))).body, counts)
    t.match((await request(roomUrl(server, 'counted'))).body, { ...counts, epoch: String, offset: 0 })
    await otherTab.ask({ type: 'leave_room', room: 'counted' })
    const without = { room: 'counted', online_count: 2, connections: 2 }
    t.strictSame((await request(roomUrl(server, 'counted', '/online'))).body, without)
    await bob.ask({ type: 'leave_room', room: 'counted' })
    const alone = { room: 'counted', online_count: 1, connections: 1 }
    t.strictSame((await request(roomUrl(server, 'counted', '/online'))).body, alone)
    await tab.ask({ type: 'leave_room', room: 'counted' })
  })

  await t.test('a joined room has the epoch and the top that its members were told', async (t) => {
    const member = await server.connect('/ws?user_id=alice')
    const { epoch } = await member.ask({ type: 'join_room', room: 'epochs' })
    t.strictSame((await request(roomUrl(server, 'epochs'))).body, {
      room: 'epochs',
      online_count: 1,
      connections: 1,
      epoch,
      offset: 0
    })
    const published = await publish(server, 'epochs', 'hi')
    t.equal(published.epoch, epoch)
    t.match((await request(roomUrl(server, 'epochs'))).body, { epoch, offset: 1 })
  })

  await t.test('a room with messages and without members counts nobody', async (t) => {
    const { epoch } = await publish(server, 'posted-only', 'hi')
    const state = { room: 'posted-only', online_count: 0, connections: 0, epoch, offset: 1 }
    t.strictSame((await request(roomUrl(server, 'posted-only'))).body, state)
  })
})

t.test('the list of rooms', async (t) => {
  const server = await startServer(t)
  const rooms = (query = '') => request(`${server.url}/rooms${query}`)

  t.strictSame((await rooms()).body, { rooms: [], next_cursor: null }, 'a server that nobody uses lists none')
  await publish(server, 'posted-only', 'hi')
  t.strictSame((await rooms()).body.rooms, [], 'a room without members is not listed')

  const names = ['news/1', 'news/2', 'news/3', 'news*', '%', '聊天 室/1', '{a}b', '__proto__']
  const member = await server.connect('/ws?user_id=alice')
  for (const room of names) await member.ask({ type: 'join_room', room })
  const other = await joined(server, 'news/1', 'bob')

  await t.test('each room with members is listed once with its counts', async (t) => {
    const { status, body } = await rooms()
    t.equal(status, 200)
    t.same(Object.keys(body).sort(), ['next_cursor', 'rooms'])
    t.equal(body.next_cursor, null)
    const byName = new Map(body.rooms.map((entry: { room: string }) => [entry.room, entry]))
    t.same([...byName.keys()].sort(), [...names].sort())
    t.equal(body.rooms.length, names.length)
    t.strictSame(byName.get('news/1'), { room: 'news/1', online_count: 2, connections: 2 })
    t.strictSame(byName.get('%'), { room: '%', online_count: 1, connections: 1 })
  })

  await t.test('a prefix is taken letter by letter, not as a pattern', async (t) => {
    const listed = async (prefix: string) =>
      (await rooms(`?prefix=${encodeURIComponent(prefix)}`)).body.rooms
        .map((entry: { room: string }) => entry.room)
        .sort()
    t.same(await listed('news/'), ['news/1', 'news/2', 'news/3'])
    t.same(await listed('news*'), ['news*'])
    t.same(await listed('%'), ['%'])
    t.same(await listed('*'), [])
    t.same(await listed('聊天'), ['聊天 室/1'])
    t.same(await listed('{a}'), ['{a}b'])
    t.same(await listed('__proto'), ['__proto__'])
    t.equal((await listed('')).length, names.length, 'an empty prefix fits all')
  })

  await t.test('pages hold each room once and end with a null cursor', async (t) => {
    for (const prefix of ['', 'news']) {
      const seen: string[] = []
      let cursor: string | null = ''
      for (let pages = 0; cursor !== null && pages < 20; pages++) {
        const from = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
        const { status, body } = await rooms(`?limit=2&prefix=${prefix}${from}`)
        t.equal(status, 200)
        t.ok(body.rooms.length <= 2, 'no page is larger than its limit')
        seen.push(...body.rooms.map((entry: { room: string }) => entry.room))
        cursor = body.next_cursor
      }
      t.equal(cursor, null)
      t.same(seen.sort(), names.filter((name) => name.startsWith(prefix)).sort(), `prefix "${prefix}"`)
    }
  })

  await t.test('a limit is a whole number from 1 to 1000', async (t) => {
    for (const limit of ['1', '1000']) t.equal((await rooms(`?limit=${limit}`)).status, 200, limit)
    for (const limit of ['0', '1001', '-1', '1.5', '1e2', '0x10', 'true', 'x', '', '1&limit=2']) {
      checkError(t, await rooms(`?limit=${limit}`), [400, 'invalid_message'], { title: `limit=${limit}` })
    }
  })

  await t.test('a cursor that was never given out harms nobody', async (t) => {
    for (const cursor of ['x', '%00', '-1', '0', '99999999999999999999', '{}']) {
      const { status, body } = await rooms(`?cursor=${cursor}`)
      t.ok(status === 200 || (status === 400 && body.code === 'invalid_message'), `cursor=${cursor}: ${status}`)
    }
  })

  await t.test('a room whose last member left is not listed', async (t) => {
    await member.ask({ type: 'leave_room', room: 'news/2' })
    const { body } = await rooms('?prefix=news/2')
    t.strictSame(body.rooms, [])
  })
  other.terminate()
})

t.test('the list of rooms stays exact over more rooms than one page holds', async (t) => {
  const server = await startServer(t, { MAX_ROOMS_PER_CONNECTION: 1000, RATE_LIMIT_BURST: 1000 })
  const member = await server.connect('/ws?user_id=alice')
  const names = Array.from({ length: 250 }, (_, index) => `room-${index}`)
  await Promise.all(names.map((room) => member.ask({ type: 'join_room', room })))
  const { body } = await request(`${server.url}/rooms?limit=1000`)
  t.same(body.rooms.map((entry: { room: string }) => entry.room).sort(), [...names].sort())
  const first = await request(`${server.url}/rooms`)
  const second = await request(`${server.url}/rooms?limit=1000&cursor=${encodeURIComponent(first.body.next_cursor)}`)
  t.equal(first.body.rooms.length + second.body.rooms.length, 250, 'without a limit a page says how to go on')
})
