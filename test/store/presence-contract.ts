import type { Test } from 'tap'
import type { Member, Presence } from '../../src/store/presence.js'
import { testListing } from './listing-contract.js'

export interface PresenceUnderTest {
  readonly presence: Presence
  /** What `joinedAt` goes by. */
  now(): number
}

export type CreatePresence = (t: Test) => Promise<PresenceUnderTest>

export function membership(room: string, userId: string, connectionId = `${userId}-1`) {
  return { room, userId, connectionId }
}

/** All members, page by page; each page holds its limit. */
export async function listMembers(t: Test, presence: Presence, room: string, limit: number): Promise<Member[]> {
  const members: Member[] = []
  let cursor: string | undefined
  do {
    const page = await presence.members(room, { limit, cursor })
    t.ok(page.members.length <= limit, `at most ${limit} on a page`)
    members.push(...page.members)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return members
}

/** What every implementation of `Presence` must do. Run by one file per implementation. */
export function testPresence(t: Test, createPresence: CreatePresence): void {
  t.test('the first connection of a user brings it, the last takes it away', async (t) => {
    const { presence } = await createPresence(t)
    const [one] = await presence.join([membership('lobby', 'ann', 'c1')])
    t.same(one, { room: 'lobby', userId: 'ann', userChanged: true, users: 1, connections: 1 })
    const [two] = await presence.join([membership('lobby', 'ann', 'c2')])
    t.same(two, { room: 'lobby', userId: 'ann', userChanged: false, users: 1, connections: 2 })
    const [other] = await presence.join([membership('lobby', 'bob', 'c3')])
    t.same(other, { room: 'lobby', userId: 'bob', userChanged: true, users: 2, connections: 3 })
    const [left] = await presence.leave([membership('lobby', 'ann', 'c1')])
    t.same(left, { room: 'lobby', userId: 'ann', userChanged: false, users: 2, connections: 2 })
    const [gone] = await presence.leave([membership('lobby', 'ann', 'c2')])
    t.same(gone, { room: 'lobby', userId: 'ann', userChanged: true, users: 1, connections: 1 })
    const [last] = await presence.leave([membership('lobby', 'bob', 'c3')])
    t.same(last, { room: 'lobby', userId: 'bob', userChanged: true, users: 0, connections: 0 })
  })

  t.test('a repeated join changes nothing', async (t) => {
    const { presence } = await createPresence(t)
    await presence.join([membership('lobby', 'ann')])
    for (let again = 0; again < 3; again++) {
      t.match(await presence.join([membership('lobby', 'ann')]), [{ userChanged: false, users: 1, connections: 1 }])
    }
    t.match(await presence.leave([membership('lobby', 'ann')]), [{ userChanged: true, users: 0, connections: 0 }])
  })

  t.test('a leave of one who is not there changes nothing', async (t) => {
    const { presence } = await createPresence(t)
    t.match(await presence.leave([membership('lobby', 'ann')]), [{ userChanged: false, users: 0, connections: 0 }])
    await presence.join([membership('lobby', 'ann', 'c1')])
    const absent = [
      membership('lobby', 'ann', 'c2'),
      membership('lobby', 'bob', 'c3'),
      membership('other', 'ann', 'c1')
    ]
    t.match(await presence.leave(absent), [
      { userChanged: false, users: 1, connections: 1 },
      { userChanged: false, users: 1, connections: 1 },
      { userChanged: false, users: 0, connections: 0 }
    ])
    await presence.leave([membership('lobby', 'ann', 'c1')])
    t.match(await presence.leave([membership('lobby', 'ann', 'c1')]), [{ userChanged: false, users: 0 }])
    t.same(await presence.totals(), { users: 0, rooms: 0 })
  })

  t.test('answers come in the order asked', async (t) => {
    const { presence } = await createPresence(t)
    const asked = [membership('b', 'ann'), membership('a', 'bob'), membership('b', 'ann', 'x'), membership('a', 'ann')]
    t.match(await presence.join(asked), [
      { room: 'b', userId: 'ann', userChanged: true, users: 1 },
      { room: 'a', userId: 'bob', userChanged: true, users: 1 },
      { room: 'b', userId: 'ann', userChanged: false, users: 1 },
      { room: 'a', userId: 'ann', userChanged: true, users: 2 }
    ])
    t.same(await presence.counts(['none', 'b', 'a', 'b']), [
      { users: 0, connections: 0 },
      { users: 1, connections: 2 },
      { users: 2, connections: 2 },
      { users: 1, connections: 2 }
    ])
    t.match(await presence.leave([...asked].reverse()), [
      { room: 'a', userId: 'ann' },
      { room: 'b', userId: 'ann', userChanged: false },
      { room: 'a', userId: 'bob' },
      { room: 'b', userId: 'ann', userChanged: true }
    ])
    t.same(await presence.join([]), [])
    t.same(await presence.leave([]), [])
    t.same(await presence.counts([]), [])
    t.same(await presence.connections([]), [])
  })

  t.test('a member is listed with its connections and the time of its first', async (t) => {
    const { presence, now } = await createPresence(t)
    const before = now()
    await presence.join([membership('lobby', 'ann', 'c1')])
    const { members } = await presence.members('lobby', { limit: 10 })
    await presence.join([membership('lobby', 'ann', 'c2')])
    t.same((await presence.members('lobby', { limit: 10 })).members, [{ ...members[0], connections: 2 }])
    const { userId, joinedAt = 0 } = members[0] ?? {}
    t.equal(userId, 'ann')
    t.ok(joinedAt >= before && joinedAt <= now())
    t.same(await presence.members('empty', { limit: 10 }), { members: [], nextCursor: undefined })
  })

  t.test('no name stands for another', async (t) => {
    const { presence } = await createPresence(t)
    const names = [
      '{a}b',
      '{a}',
      'a',
      'a:b',
      ':b',
      '../x',
      '聊天 室/1',
      '__proto__',
      'constructor',
      '*',
      '[',
      '(a',
      '1:2'
    ]
    names.push('A', 'é', 'e\u0301', '\u{1f600}', '\uffff', ' a', '0', 'x'.repeat(128))
    await presence.join(names.map((name) => membership(name, name, `c-${name}`)))
    await presence.join(names.map((name) => membership('all', name)))
    await Promise.all(names.map((name) => presence.connect(`c-${name}`, name)))
    for (const name of names) {
      t.match(await presence.counts([name]), [{ users: 1, connections: 1 }], name)
      t.match((await presence.members(name, { limit: 5 })).members, [{ userId: name, connections: 1 }], name)
      const { rooms } = await presence.rooms({ prefix: name, limit: 100 })
      t.same(new Set(rooms.map(({ room }) => room)), new Set([...names, 'all'].filter((room) => room.startsWith(name))))
    }
    t.same(
      await presence.connections(names),
      names.map(() => 1)
    )
    t.same(new Set((await listMembers(t, presence, 'all', 4)).map(({ userId }) => userId)), new Set(names))
    t.same(await presence.totals(), { users: names.length, rooms: names.length + 1 })
  })

  t.test('a user is online while one of its connections is', async (t) => {
    const { presence } = await createPresence(t)
    await presence.connect('c1', 'ann')
    await presence.connect('c1', 'ann')
    await presence.connect('c2', 'ann')
    await presence.connect('c3', 'bob')
    t.same(await presence.connections(['bob', 'nobody', 'ann']), [1, 0, 2])
    t.same(await presence.totals(), { users: 2, rooms: 0 })
    await presence.disconnect('c1', 'ann')
    await presence.disconnect('c1', 'ann')
    await presence.disconnect('c9', 'ann')
    t.same(await presence.connections(['ann', 'bob']), [1, 1])
    await presence.disconnect('c2', 'ann')
    await presence.disconnect('c3', 'bob')
    t.same(await presence.connections(['ann', 'bob']), [0, 0])
    t.same(await presence.totals(), { users: 0, rooms: 0 })
  })

  t.test('what comes and goes at once leaves right counts', async (t) => {
    const { presence } = await createPresence(t)
    const all = Array.from({ length: 200 }, (_, index) => membership('lobby', `user-${index % 50}`, `c${index}`))
    const changes = await Promise.all(all.map((one) => presence.join([one])))
    t.equal(changes.flat().filter(({ userChanged }) => userChanged).length, 50)
    t.same(await presence.counts(['lobby']), [{ users: 50, connections: 200 }])
    const departures = await Promise.all(all.flatMap((one) => [presence.leave([one]), presence.leave([one])]))
    t.equal(departures.flat().filter(({ userChanged }) => userChanged).length, 50)
    t.same(await presence.counts(['lobby']), [{ users: 0, connections: 0 }])
    t.same(await presence.members('lobby', { limit: 10 }), { members: [], nextCursor: undefined })
    t.same(await presence.rooms({ prefix: '', limit: 10 }), { rooms: [], nextCursor: undefined })
    t.same(await presence.totals(), { users: 0, rooms: 0 })
  })

  testListing(t, createPresence)
}
