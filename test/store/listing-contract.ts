import type { Test } from 'tap'
import { type CreatePresence, listMembers, membership } from './presence-contract.js'

/** Members and rooms, page by page. */
export function testListing(t: Test, createPresence: CreatePresence): void {
  t.test('members come in pages that hold their limit, and each is listed once while nobody moves', async (t) => {
    const { presence } = await createPresence(t)
    for (const count of [1, 100, 128, 129, 700]) {
      const userIds = Array.from({ length: count }, (_, index) => `user-${index}`)
      await presence.join(userIds.map((userId) => membership(`of-${count}`, userId)))
      for (const limit of [1, 7, 100, 512, 700, 1000].filter((limit) => count / limit <= 130)) {
        const listed = (await listMembers(t, presence, `of-${count}`, limit)).map(({ userId }) => userId)
        t.equal(listed.length, count, `${count} members by ${limit}`)
        t.same([...listed].sort(), [...userIds].sort())
      }
      const { members, nextCursor } = await presence.members(`of-${count}`, { limit: count })
      t.equal(members.length, count)
      if (nextCursor !== undefined) {
        t.same(await presence.members(`of-${count}`, { limit: 5, cursor: nextCursor }), {
          members: [],
          nextCursor: undefined
        })
      }
    }
  })

  t.test('the same page is listed the same way again', async (t) => {
    const { presence } = await createPresence(t)
    await presence.join(Array.from({ length: 300 }, (_, index) => membership('lobby', `user-${index}`)))
    const first = await presence.members('lobby', { limit: 40 })
    t.same(await presence.members('lobby', { limit: 40 }), first)
    const second = await presence.members('lobby', { limit: 40, cursor: first.nextCursor })
    t.same(await presence.members('lobby', { limit: 40, cursor: first.nextCursor }), second)
  })

  t.test('a member who stays is listed, whatever the sizes of the pages', async (t) => {
    const { presence } = await createPresence(t)
    const userIds = Array.from({ length: 400 }, (_, index) => `user-${index}`)
    await presence.join(userIds.map((userId) => membership('lobby', userId)))
    const firstLimits = Array.from({ length: 40 }, (_, index) => index + 1)
    for (const limits of [...firstLimits.map((first) => [first, 500]), [3, 50, 7, 500], [300, 2, 500]]) {
      const seen = new Set<string>()
      let cursor: string | undefined
      for (let page = 0; page === 0 || cursor !== undefined; page++) {
        const limit = limits[Math.min(page, limits.length - 1)] ?? 1
        const listed = await presence.members('lobby', { limit, cursor })
        for (const { userId } of listed.members) seen.add(userId)
        cursor = listed.nextCursor
      }
      t.equal(seen.size, userIds.length, `pages of ${limits}`)
    }
  })

  t.test('a member who stays is listed while others come and go', async (t) => {
    const { presence } = await createPresence(t)
    for (let round = 0; round < 12; round++) {
      const room = `round-${round}`
      const staying = Array.from({ length: 80 }, (_, index) => membership(room, `stays-${round}-${index}`))
      const passing = Array.from({ length: 900 }, (_, index) => membership(room, `passes-${round}-${index}`))
      // A crowd that comes in between, or goes.
      const going = round % 4 !== 3
      await presence.join(going ? [...passing, ...staying] : staying)
      const seen = new Set<string>()
      let cursor: string | undefined
      for (let page = 0; page === 0 || cursor !== undefined; page++) {
        const listed = await presence.members(room, { limit: going ? 100 : 7, cursor })
        for (const { userId } of listed.members) seen.add(userId)
        cursor = listed.nextCursor
        if (page === round >> 1) await (going ? presence.leave(passing) : presence.join(passing))
      }
      const missed = staying.filter(({ userId }) => !seen.has(userId))
      t.equal(missed.length, 0, `${going ? 'a crowd goes' : 'a crowd comes'} after page ${round >> 1}`)
    }
  })

  t.test('rooms with members are listed once each, by prefix and in pages that hold their limit', async (t) => {
    const { presence } = await createPresence(t)
    const names = Array.from({ length: 150 }, (_, index) => `chat/${index}`)
    await presence.join(
      [...names, 'other', 'chat', 'chatter', '聊天/1', '聊天/2'].map((room) => membership(room, 'ann'))
    )
    await presence.join([membership('chat/7', 'bob'), membership('chat/7', 'ann', 'second')])
    for (const [prefix, expected] of [
      ['chat/', names],
      ['chat/7', names.filter((name) => name.startsWith('chat/7'))],
      ['聊', ['聊天/1', '聊天/2']],
      ['聊天/2', ['聊天/2']],
      ['nothing', []],
      ['', [...names, 'other', 'chat', 'chatter', '聊天/1', '聊天/2']]
    ] as const) {
      for (const limit of [1, 20, 155, 1000].filter((limit) => limit > 1 || expected.length < 20)) {
        const listed: string[] = []
        let cursor: string | undefined
        do {
          const page = await presence.rooms({ prefix, limit, cursor })
          t.ok(page.rooms.length <= limit)
          listed.push(...page.rooms.map(({ room }) => room))
          cursor = page.nextCursor
        } while (cursor !== undefined)
        t.same([...listed].sort(), [...expected].sort(), `prefix '${prefix}' by ${limit}`)
      }
    }
    t.match(
      await presence
        .rooms({ prefix: 'chat/7', limit: 1000 })
        .then(({ rooms }) => rooms.find(({ room }) => room === 'chat/7')),
      {
        users: 2,
        connections: 3
      }
    )
  })

  t.test('a page that is full and the last has no cursor', async (t) => {
    const { presence } = await createPresence(t)
    await presence.join(['a', 'b', 'c'].map((room) => membership(room, 'ann')))
    const { rooms, nextCursor } = await presence.rooms({ prefix: '', limit: 3 })
    t.equal(rooms.length, 3)
    t.equal(nextCursor, undefined)
  })

  t.test('a cursor that nobody gave out is no error', async (t) => {
    const { presence } = await createPresence(t)
    await presence.join([membership('lobby', 'ann')])
    for (const cursor of [
      '',
      'x',
      '0/',
      '/',
      '999/x',
      '99999999999999999999/',
      '18446744073709551615/x',
      '\u{1f600}',
      '-1/a'
    ]) {
      const page = await presence.members('lobby', { limit: 10, cursor })
      t.ok(page.members.length <= 1, `members ${cursor}`)
      const listed = await presence.rooms({ prefix: '', limit: 10, cursor })
      t.ok(listed.rooms.length <= 1, `rooms ${cursor}`)
    }
  })
}
