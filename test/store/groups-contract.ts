import type { Test } from 'tap'
import type { GroupMember, GroupMembership, Groups } from '../../src/store/groups.js'
import { span } from './hearing.js'
import { type CreateStore, strangeIds } from './store-under-test.js'

export const GROUPS_MAX = 100
let serial = 0

export function fresh(addedAt = Date.now()): GroupMembership {
  serial++
  return { id: `membership-${serial}`, start: { epoch: 'e1', offset: serial }, addedAt }
}

/** All members, page by page; each page holds its limit. */
async function listMembers(t: Test, groups: Groups, group: string, limit = 7): Promise<GroupMember[]> {
  const members: GroupMember[] = []
  let cursor: string | undefined
  do {
    const page = await groups.members(group, { limit, cursor })
    t.ok(page.members.length <= limit, `at most ${limit} on a page`)
    members.push(...page.members)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return members
}

async function namesOf(groups: Groups, userId: string): Promise<string[]> {
  return (await groups.groupsOf(userId)).map(({ group }) => group)
}

/** Both sides know the same membership, or neither knows one; answers it. */
export async function consistent(t: Test, groups: Groups, group: string, userId: string) {
  const membership = await groups.membership(group, userId)
  const members = (await listMembers(t, groups, group)).filter((member) => member.userId === userId)
  const filed = (await groups.groupsOf(userId)).filter((one) => one.group === group)
  t.same(members, membership === undefined ? [] : [{ ...membership, userId }], 'the side of the group')
  t.same(filed, membership === undefined ? [] : [{ ...membership, group }], 'the side of the user')
  return membership
}

/** What every implementation of `Groups` must do. Run on every store. */
export function testGroups(t: Test, createStore: CreateStore): void {
  t.test('a member is known to the group and to the user, as it was added', async (t) => {
    const { groups } = (await createStore(t)).store
    const membership = { id: 'one', start: { epoch: 'e:1 x', offset: 12 }, addedAt: 1_700_000_000_123 }
    t.same(await groups.add('staff', 'ann', membership, GROUPS_MAX), membership)
    t.same(await groups.membership('staff', 'ann'), membership)
    t.same(await groups.members('staff', { limit: 10 }), {
      members: [{ ...membership, userId: 'ann' }],
      nextCursor: undefined
    })
    t.same(await groups.groupsOf('ann'), [{ ...membership, group: 'staff' }])
  })

  t.test('what nobody was added to is empty', async (t) => {
    const { groups } = (await createStore(t)).store
    t.equal(await groups.membership('staff', 'ann'), undefined)
    t.same(await groups.members('staff', { limit: 10 }), { members: [], nextCursor: undefined })
    t.same(await groups.groupsOf('ann'), [])
    t.equal(await groups.remove('staff', 'ann'), undefined)
    t.same(await groups.groupsOf('ann'), [])
  })

  t.test('who is in already keeps the membership there is', async (t) => {
    const { groups } = (await createStore(t)).store
    const first = fresh()
    await groups.add('staff', 'ann', first, GROUPS_MAX)
    for (let again = 0; again < 3; again++) t.same(await groups.add('staff', 'ann', fresh(), GROUPS_MAX), first)
    t.same(await consistent(t, groups, 'staff', 'ann'), first)
  })

  t.test('a removal answers the membership that it ends, once', async (t) => {
    const { groups } = (await createStore(t)).store
    const [first, other] = [fresh(), fresh()]
    await groups.add('staff', 'ann', first, GROUPS_MAX)
    await groups.add('staff', 'bob', other, GROUPS_MAX)
    t.same(await groups.remove('staff', 'ann'), first)
    t.equal(await groups.remove('staff', 'ann'), undefined)
    t.equal(await consistent(t, groups, 'staff', 'ann'), undefined)
    t.same(await consistent(t, groups, 'staff', 'bob'), other, 'others stay')
  })

  t.test('who is added after a removal has a new membership', async (t) => {
    const { groups } = (await createStore(t)).store
    for (let round = 0; round < 3; round++) {
      const membership = fresh()
      t.same(await groups.add('staff', 'ann', membership, GROUPS_MAX), membership)
      t.same(await consistent(t, groups, 'staff', 'ann'), membership)
      t.same(await groups.remove('staff', 'ann'), membership)
    }
  })

  t.test('a user who is in as many groups as may be is added to no more, and nothing has changed', async (t) => {
    const { groups } = (await createStore(t)).store
    const first = fresh()
    await groups.add('g1', 'ann', first, 3)
    await groups.add('g2', 'ann', fresh(), 3)
    await groups.add('g3', 'ann', fresh(), 3)
    t.equal(await groups.add('g4', 'ann', fresh(), 3), undefined)
    t.equal(await consistent(t, groups, 'g4', 'ann'), undefined)
    t.same(await namesOf(groups, 'ann'), ['g1', 'g2', 'g3'])
    t.same(await groups.add('g1', 'ann', fresh(), 3), first, 'the ones there are stay good')
    t.ok(await groups.add('g4', 'bob', fresh(), 3), 'every user has as many')
    await groups.remove('g2', 'ann')
    t.ok(await groups.add('g4', 'ann', fresh(), 3), 'a place that was given up is free')
    t.equal(await groups.add('g2', 'ann', fresh(), 3), undefined)
    t.equal(await groups.add('g2', 'ann', fresh(), 2), undefined, 'also where fewer may be by now')
    t.same(await groups.add('g1', 'ann', fresh(), 1), first)
    t.equal(await groups.add('g1', 'cleo', fresh(), 0), undefined)
  })

  t.test('places are counted right where many are asked for at once', async (t) => {
    const { groups } = (await createStore(t)).store
    const names = span(1, 30).map((index) => `g${index}`)
    const added = await Promise.all(names.map((name) => groups.add(name, 'ann', fresh(), 10)))
    t.equal(added.filter((membership) => membership !== undefined).length, 10)
    t.same(await namesOf(groups, 'ann'), names.filter((_, index) => added[index] !== undefined).sort())
  })

  t.test('groups of a user come in the order of their names', async (t) => {
    const { groups } = (await createStore(t)).store
    for (const name of ['b', 'a', 'c', 'B', '10', '9', 'é']) await groups.add(name, 'ann', fresh(), GROUPS_MAX)
    t.same(await namesOf(groups, 'ann'), ['10', '9', 'B', 'a', 'b', 'c', 'é'])
  })

  t.test('no name stands for another', async (t) => {
    const { store, another } = await createStore(t)
    const added = new Map<string, GroupMembership>()
    for (const [index, group] of strangeIds.entries()) {
      // Every user is in its own group and in the one after it.
      for (const userId of [group, strangeIds[(index + 1) % strangeIds.length] ?? '']) {
        const membership = fresh()
        added.set(JSON.stringify([group, userId]), membership)
        t.same(await store.groups.add(group, userId, membership, GROUPS_MAX), membership, `${userId} in ${group}`)
      }
    }
    const { groups } = (await another?.())?.store ?? store
    for (const group of strangeIds) {
      for (const userId of strangeIds) {
        const expected = added.get(JSON.stringify([group, userId]))
        t.same(await groups.membership(group, userId), expected, `${userId} in ${group}`)
      }
      t.equal((await listMembers(t, groups, group, 1)).length, 2, group)
      t.equal((await groups.groupsOf(group)).length, 2, group)
      t.same(await groups.remove(group, group), added.get(JSON.stringify([group, group])))
      t.equal((await groups.groupsOf(group)).length, 1, group)
    }
  })

  t.test('memberships are there for whoever comes later', async (t) => {
    const { store, another } = await createStore(t)
    if (another === undefined) return t.pass('nothing outlives the memory')
    const membership = fresh()
    await store.groups.add('staff', 'ann', membership, GROUPS_MAX)
    await store.groups.add('staff', 'bob', fresh(), GROUPS_MAX)
    await store.groups.remove('staff', 'bob')
    const { groups } = (await another()).store
    t.same(await consistent(t, groups, 'staff', 'ann'), membership)
    t.equal(await consistent(t, groups, 'staff', 'bob'), undefined)
    t.same(await groups.add('staff', 'ann', fresh(), GROUPS_MAX), membership)
  })

  testPaging(t, createStore)
  testCrossing(t, createStore)
}

function testPaging(t: Test, createStore: CreateStore): void {
  t.test('members come in pages that hold their limit, and each is listed once', async (t) => {
    const { groups } = (await createStore(t)).store
    const userIds = span(1, 130).map((index) => `user-${index}`)
    await Promise.all(userIds.map((userId) => groups.add('staff', userId, fresh(), GROUPS_MAX)))
    for (const limit of [1, 7, 65, 129, 130, 131]) {
      const listed = (await listMembers(t, groups, 'staff', limit)).map(({ userId }) => userId)
      t.same([...listed].sort(), [...userIds].sort(), `by ${limit}`)
    }
    const first = await groups.members('staff', { limit: 40 })
    t.same(await groups.members('staff', { limit: 40 }), first, 'the same page again')
  })

  t.test('a member who stays is listed once while others come and go', async (t) => {
    const { groups } = (await createStore(t)).store
    const staying = span(1, 60).map((index) => `stays-${(index * 37) % 61}`)
    const passing = span(1, 60).map((index) => `${index % 2 === 0 ? 'passes' : 'x'}-${index}`)
    await Promise.all(staying.map((userId) => groups.add('staff', userId, fresh(), GROUPS_MAX)))
    const seen: string[] = []
    let cursor: string | undefined
    for (let page = 0; page === 0 || cursor !== undefined; page++) {
      const change = passing.filter((_, index) => index % 10 === page % 10)
      await Promise.all(change.map((userId) => groups.add('staff', userId, fresh(), GROUPS_MAX)))
      const listed = await groups.members('staff', { limit: 6, cursor })
      seen.push(...listed.members.map(({ userId }) => userId))
      await Promise.all(change.map((userId) => groups.remove('staff', userId)))
      // The last one listed may go, too: the next page begins after where it was.
      cursor = listed.nextCursor
    }
    t.same(seen.filter((userId) => staying.includes(userId)).sort(), [...staying].sort())
    t.equal(new Set(seen).size, seen.length, 'nobody twice')
  })
}

function testCrossing(t: Test, createStore: CreateStore): void {
  /** Two ways to the same data: two nodes where there can be two. */
  const twoOf = async (t: Test) => {
    const { store, another } = await createStore(t)
    const second = store.durable === 'redis' ? await another?.() : undefined
    return { one: store.groups, two: second?.store.groups ?? store.groups }
  }

  t.test('of adds that cross one is the membership, and all answer it', async (t) => {
    const { one, two } = await twoOf(t)
    for (let round = 0; round < 30; round++) {
      const group = `g${round % 3}`
      const added = await Promise.all(
        span(1, 6).map((index) => (index % 2 === 0 ? one : two).add(group, 'ann', fresh(), 3))
      )
      t.same(new Set(added.map((membership) => membership?.id)).size, 1)
      t.same(await consistent(t, one, group, 'ann'), added[0])
      if (round % 2 === 0) await two.remove(group, 'ann')
    }
  })

  t.test('adds that cross take one place, which is free after the removal', async (t) => {
    const { one, two } = await twoOf(t)
    for (let round = 0; round < 10; round++) {
      const group = `g${round}`
      await Promise.all(span(1, 6).map((index) => (index % 2 === 0 ? one : two).add(group, 'ann', fresh(), 1)))
      t.equal(await two.add('another', 'ann', fresh(), 1), undefined)
      t.ok(await one.remove(group, 'ann'))
    }
    t.ok(await one.add('another', 'ann', fresh(), 1))
  })

  t.test('of removals that cross one answers the membership', async (t) => {
    const { one, two } = await twoOf(t)
    for (let round = 0; round < 20; round++) {
      const membership = fresh()
      await one.add('staff', 'ann', membership, 1)
      const removed = await Promise.all(span(1, 6).map((index) => (index % 2 === 0 ? one : two).remove('staff', 'ann')))
      t.same(
        removed.filter((ended) => ended !== undefined),
        [membership]
      )
      t.equal(await consistent(t, two, 'staff', 'ann'), undefined)
    }
  })

  t.test('adds and removals that cross leave both sides of one mind', async (t) => {
    const { one, two } = await twoOf(t)
    const seen = new Set<string>()
    for (let round = 0; round < 150; round++) {
      const userId = `user-${round % 5}`
      const steps = span(1, 2 + (round % 4)).map(async (index) => {
        const groups = index % 2 === 0 ? one : two
        // Steps that begin at different moments cross at different places.
        for (let turn = 0; turn < (index * round) % 7; turn++) await new Promise(setImmediate)
        return (index + round) % 2 === 0 ? groups.remove('staff', userId) : groups.add('staff', userId, fresh(), 2)
      })
      await Promise.all(steps)
      const membership = await consistent(t, one, 'staff', userId)
      if (membership === undefined) continue
      // Another id each time, and it can be ended.
      t.same(await two.remove('staff', userId), membership)
      t.notOk(seen.has(membership.id), 'a new membership has a new id')
      seen.add(membership.id)
      t.equal(await consistent(t, one, 'staff', userId), undefined)
    }
  })
}
