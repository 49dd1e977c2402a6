import type { Test } from 'tap'
import type { OwnedSession, SessionRooms, Sessions } from '../../src/store/sessions.js'
import { PREVIOUS_TOKEN_MS } from '../../src/store/sessions.js'
import { type CreateStore, strangeIds } from './store-under-test.js'

const TTL_MS = 60_000
const rooms: SessionRooms = { lobby: { epoch: 'e1', offset: 7, messageId: 'm7', removalId: 'r1' } }

function sessionOf(sessionId: string, more: Partial<OwnedSession> = {}): OwnedSession {
  return { sessionId, userId: 'ann', generation: 1, tokenHash: 't1', rooms, ...more }
}

/** What is taken, without what an implementation may know besides. */
async function take(sessions: Sessions, sessionId: string, tokenHash: string, nextTokenHash: string) {
  const taken = await sessions.take({ sessionId, userId: null, tokenHash, nextTokenHash })
  if (taken === undefined) return undefined
  const { userId, generation, rooms, removalId } = taken.session
  return { session: { sessionId: taken.session.sessionId, userId, generation, rooms, removalId }, taken }
}

/** What every implementation of `Sessions` must do. Run on every store. */
export function testSessions(t: Test, createStore: CreateStore): void {
  t.test('a session is handed on as it was saved, in the next generation and under the next token', async (t) => {
    const { sessions } = (await createStore(t)).store
    t.equal(await sessions.save(sessionOf('s', { removalId: 'u1' })), true)
    const taken = await take(sessions, 's', 't1', 't2')
    t.strictSame(taken?.session, { sessionId: 's', userId: 'ann', generation: 2, rooms, removalId: 'u1' })
    t.equal(taken?.taken.session.tokenHash, 't2')
    t.equal(taken?.taken.formerOwner, sessions.owner)
  })

  t.test('what is known of its token is handed on, and is what was saved last', async (t) => {
    const { sessions } = (await createStore(t)).store
    const tokens = [{ id: 'j1', issuedAt: 1000 }, { id: 'j2' }, { issuedAt: 2000 }, {}]
    for (const [index, token] of tokens.entries()) {
      await sessions.save(sessionOf(`s${index}`, { token: { id: 'before', issuedAt: 1 } }))
      await sessions.save(sessionOf(`s${index}`, { token }))
      const { id, issuedAt } = (await take(sessions, `s${index}`, 't1', 't2'))?.taken.session.token ?? { id: 'none' }
      t.strictSame({ id, issuedAt }, { id: undefined, issuedAt: undefined, ...token })
    }
    await sessions.save(sessionOf('open mode'))
    t.equal((await take(sessions, 'open mode', 't1', 't2'))?.taken.session.token, undefined)
  })

  t.test('a session that nobody saved cannot be taken, released or ended', async (t) => {
    const { sessions } = (await createStore(t)).store
    t.equal(await take(sessions, 'none', 't1', 't2'), undefined)
    await sessions.release('none', 1)
    await sessions.end('none', 1)
    t.equal(await take(sessions, 'none', 't1', 't2'), undefined)
  })

  t.test('a save replaces what was saved before', async (t) => {
    const { sessions } = (await createStore(t)).store
    await sessions.save(sessionOf('s', { removalId: 'u1' }))
    const later: SessionRooms = { other: { epoch: 'e2', offset: 0 }, third: { epoch: 'e3', offset: 3 } }
    t.equal(await sessions.save(sessionOf('s', { rooms: later, removalId: 'u2' })), true)
    t.equal(await sessions.save(sessionOf('s', { rooms: later, removalId: 'u2' })), true)
    t.match(await take(sessions, 's', 't1', 't2'), { session: { rooms: later, removalId: 'u2' } })
    const none = sessionOf('s', { generation: 2, tokenHash: 't2', rooms: {} })
    t.equal(await sessions.save(none), true)
    t.strictSame((await take(sessions, 's', 't2', 't3'))?.session, {
      sessionId: 's',
      userId: 'ann',
      generation: 3,
      rooms: {},
      removalId: undefined
    })
  })

  t.test('rooms and removals come back as saved, whatever their names', async (t) => {
    const { store, another } = await createStore(t)
    // Without a prototype no name is special.
    const strange = Object.fromEntries(
      strangeIds.map((id, offset) => [id, { epoch: `e ${id}`, offset, messageId: id, removalId: `removal of ${id}` }])
    )
    await store.sessions.save(sessionOf('s', { userId: '__proto__', rooms: strange, removalId: '聊:天' }))
    const { sessions } = (await another?.())?.store ?? store
    const taken = await take(sessions, 's', 't1', 't2')
    t.equal(taken?.session.userId, '__proto__')
    t.equal(taken?.session.removalId, '聊:天')
    t.strictSame(new Set(Object.keys(taken?.session.rooms ?? {})), new Set(strangeIds))
    for (const id of strangeIds)
      t.strictSame(Object.entries(taken?.session.rooms ?? {}).find(([room]) => room === id)?.[1], strange[id], id)
  })

  t.test('no session stands for another', async (t) => {
    const { sessions } = (await createStore(t)).store
    for (const id of strangeIds) await sessions.save(sessionOf(id, { userId: `user of ${id}` }))
    for (const id of strangeIds) {
      t.match(await take(sessions, id, 't1', 't2'), { session: { sessionId: id, userId: `user of ${id}` } }, id)
      t.equal(await take(sessions, `${id}:`, 't1', 't2'), undefined)
    }
  })

  testFencing(t, createStore)
  testReclaiming(t, createStore)
  testTokens(t, createStore)
  testLifetime(t, createStore)
}

function testFencing(t: Test, createStore: CreateStore): void {
  t.test('who has lost a session cannot write it, release it or end it', async (t) => {
    const { store, clock } = await createStore(t)
    const { sessions } = store
    await sessions.save(sessionOf('s'))
    await take(sessions, 's', 't1', 't2')
    t.equal(await sessions.save(sessionOf('s', { rooms: {}, removalId: 'late' })), false)
    await sessions.end('s', 1)
    await sessions.release('s', 1)
    clock.advance(PREVIOUS_TOKEN_MS)
    t.equal(await take(sessions, 's', 't1', 'x'), undefined, 'the token was not written either')
    const taken = await take(sessions, 's', 't2', 't3')
    t.strictSame(taken?.session, { sessionId: 's', userId: 'ann', generation: 3, rooms, removalId: undefined })
  })

  t.test('the release by a former owner starts no clock', async (t) => {
    const { store, clock } = await createStore(t)
    const { sessions } = store
    await sessions.save(sessionOf('s'))
    await take(sessions, 's', 't1', 't2')
    await sessions.release('s', 1)
    clock.advance(TTL_MS)
    t.ok(await take(sessions, 's', 't2', 't3'))
  })

  t.test('of two takes at once with one token the second takes it from the first', async (t) => {
    const { store, another } = await createStore(t)
    const { sessions } = store
    const others = store.durable === 'redis' ? (await another?.())?.store.sessions : undefined
    for (let round = 0; round < 10; round++) {
      const sessionId = `s${round}`
      await sessions.save(sessionOf(sessionId))
      const takes = await Promise.all([
        take(sessions, sessionId, 't1', 'one'),
        take(others ?? sessions, sessionId, 't1', 'two'),
        take(sessions, sessionId, 't1', 'three')
      ])
      const taken = takes.filter((one) => one !== undefined)
      t.same(taken.map(({ session }) => session.generation).sort(), [2, 3], 'the token worked once more, not twice')
      const [loser, winner] = taken.sort((a, b) => a.session.generation - b.session.generation)
      const ownerOf = (one: typeof loser) =>
        one?.taken.session.tokenHash === 'two' && others !== undefined ? others : sessions
      t.equal(winner?.taken.formerOwner, ownerOf(loser).owner)
      const written = sessionOf(sessionId, { generation: 2, tokenHash: loser?.taken.session.tokenHash ?? '' })
      t.equal(await ownerOf(loser).save(written), false)
      t.equal(await take(sessions, sessionId, written.tokenHash, 'x'), undefined, 'its token is void')
      const last = await take(sessions, sessionId, winner?.taken.session.tokenHash ?? '', 'last')
      t.match(last, { session: { generation: 4 }, taken: { formerOwner: ownerOf(winner).owner } })
    }
  })

  t.test('saves of two generations that cross leave the later one', async (t) => {
    const { sessions } = (await createStore(t)).store
    const generations = [3, 1, 5, 2, 5, 4, 1]
    const written = await Promise.all(
      generations.map((generation) => sessions.save(sessionOf('s', { generation, tokenHash: `t${generation}` })))
    )
    for (const [index, generation] of generations.entries()) {
      if (generation === 5) t.equal(written[index], true)
    }
    t.equal(written.at(-1), false)
    t.match(await take(sessions, 's', 't5', 'next'), { session: { generation: 6 } })
  })
}

function testReclaiming(t: Test, createStore: CreateStore): void {
  t.test('of the sessions that a node had it learns which it still has', async (t) => {
    const { store, another } = await createStore(t)
    const { sessions } = store
    const others = store.durable === 'redis' ? (await another?.())?.store.sessions : undefined
    const ids = ['held', 'taken', 'ended', 'never saved']
    for (const id of ids.slice(0, 3)) await sessions.save(sessionOf(id))
    await take(others ?? sessions, 'taken', 't1', 't2')
    await sessions.end('ended', 1)
    const asked = ids.map((id) => sessionOf(id))
    for (let time = 0; time < 2; time++)
      t.strictSame(await sessions.reclaim(asked), ['held', 'taken', 'gone', 'gone'], 'in the order asked')
    t.strictSame(await sessions.reclaim([...asked].reverse()), ['gone', 'gone', 'taken', 'held'])
    t.strictSame(await sessions.reclaim([]), [])
    for (const id of ['ended', 'never saved']) t.equal(await take(sessions, id, 't1', 't2'), undefined, id)
    t.match(await take(sessions, 'taken', 't2', 't3'), { session: { generation: 3 } }, 'nothing was written of it')
    const held = await take(sessions, 'held', 't1', 't2')
    t.strictSame(held?.session, { sessionId: 'held', userId: 'ann', generation: 2, rooms, removalId: undefined })
  })

  t.test("a session that was reclaimed waits for nothing, and is the claimant's again", async (t) => {
    const { store, clock } = await createStore(t, { sessionTtlMs: TTL_MS })
    const { sessions } = store
    for (const id of ['released', 'reclaimed']) await sessions.save(sessionOf(id))
    for (const id of ['released', 'reclaimed']) await sessions.release(id, 1)
    clock.advance(TTL_MS - 2000)
    t.strictSame(await sessions.reclaim([sessionOf('reclaimed')]), ['held'])
    clock.advance(2000)
    t.equal(await take(sessions, 'released', 't1', 't2'), undefined)
    t.equal((await take(sessions, 'reclaimed', 't1', 't2'))?.taken.formerOwner, sessions.owner)
  })
}

function testTokens(t: Test, createStore: CreateStore): void {
  t.test('a token that does not match takes nothing and changes nothing', async (t) => {
    const { sessions } = (await createStore(t)).store
    await sessions.save(sessionOf('s'))
    await sessions.save(sessionOf('other', { tokenHash: 'foreign' }))
    for (const wrong of ['', 'T1', 't', 't11', 'foreign', 'undefined', 'null']) {
      t.equal(await take(sessions, 's', wrong, 'stolen'), undefined, wrong)
    }
    t.equal(await take(sessions, 's', 'stolen', 'x'), undefined)
    t.match(await take(sessions, 's', 't1', 't2'), { session: { generation: 2 } })
  })

  t.test('who is known as another user takes nothing and changes nothing, whatever the token', async (t) => {
    const { sessions } = (await createStore(t)).store
    await sessions.save(sessionOf('s'))
    const asked = { sessionId: 's', tokenHash: 't1', nextTokenHash: 't2' }
    t.equal(await sessions.take({ ...asked, userId: 'somebody else' }), undefined)
    t.match(await sessions.take({ ...asked, userId: 'ann' }), { session: { userId: 'ann', generation: 2 } })
  })

  t.test('the token before works once more for 30 s, and not twice', async (t) => {
    const { store, clock } = await createStore(t)
    const { sessions } = store
    await sessions.save(sessionOf('s'))
    await take(sessions, 's', 't1', 'lost')
    clock.advance(PREVIOUS_TOKEN_MS - 1)
    t.match(await take(sessions, 's', 't1', 't3'), { session: { generation: 3, rooms } })
    t.equal(await take(sessions, 's', 't1', 'x'), undefined, 'not twice')
    t.equal(await take(sessions, 's', 'lost', 'x'), undefined, 'what the lost answer held is void')
    t.match(await take(sessions, 's', 't3', 't4'), { session: { generation: 4 } })
  })

  t.test('the token before is over after 30 s', async (t) => {
    const { store, clock } = await createStore(t)
    const { sessions } = store
    await sessions.save(sessionOf('s'))
    await take(sessions, 's', 't1', 't2')
    clock.advance(PREVIOUS_TOKEN_MS)
    t.equal(await take(sessions, 's', 't1', 'x'), undefined)
    t.match(await take(sessions, 's', 't2', 't3'), { session: { generation: 3 } })
    t.equal(await take(sessions, 's', 't1', 'x'), undefined, 'nor does the one before that')
    t.match(await take(sessions, 's', 't2', 't4'), { session: { generation: 4 } }, 'each its own 30 s')
  })

  t.test('the token before still works after the new owner has saved and released', async (t) => {
    const { sessions } = (await createStore(t)).store
    await sessions.save(sessionOf('s'))
    await take(sessions, 's', 't1', 't2')
    const later: SessionRooms = { lobby: { epoch: 'e1', offset: 9 } }
    t.equal(await sessions.save(sessionOf('s', { generation: 2, tokenHash: 't2', rooms: later })), true)
    await sessions.release('s', 2)
    t.strictSame((await take(sessions, 's', 't1', 't3'))?.session.rooms, later)
  })
}

function testLifetime(t: Test, createStore: CreateStore): void {
  t.test('the time of a session counts from its release', async (t) => {
    const { store, clock } = await createStore(t, { sessionTtlMs: TTL_MS })
    const { sessions } = store
    for (const id of ['in time', 'late']) await sessions.save(sessionOf(id))
    clock.advance(5000)
    for (const id of ['in time', 'late']) await sessions.release(id, 1)
    clock.advance(TTL_MS - 1)
    t.match(await take(sessions, 'in time', 't1', 't2'), { session: { rooms } })
    clock.advance(1)
    t.equal(await take(sessions, 'late', 't1', 't2'), undefined)
    clock.advance(2)
    t.ok(await take(sessions, 'in time', 't2', 't3'), 'who was taken waits no more')
  })

  t.test('a session that is saved again after its release is connected again', async (t) => {
    const { store, clock } = await createStore(t, { sessionTtlMs: TTL_MS })
    const { sessions } = store
    await sessions.save(sessionOf('s'))
    await sessions.release('s', 1)
    clock.advance(TTL_MS - 1)
    t.equal(await sessions.save(sessionOf('s')), true)
    clock.advance(2)
    t.ok(await take(sessions, 's', 't1', 't2'))
  })

  t.test('a session that has ended is gone, and its generation with it', async (t) => {
    const { sessions } = (await createStore(t)).store
    for (const id of ['s', 'other']) await sessions.save(sessionOf(id))
    await sessions.end('s', 1)
    t.equal(await take(sessions, 's', 't1', 't2'), undefined)
    await sessions.end('s', 1)
    t.ok(await take(sessions, 'other', 't1', 't2'))
    await sessions.end('other', 2)
    t.equal(await take(sessions, 'other', 't2', 't3'), undefined)
  })

  t.test('a session that was released is there for whoever comes later, for the rest of its time', async (t) => {
    const { store, clock, another } = await createStore(t, { sessionTtlMs: TTL_MS })
    if (another === undefined) return t.pass('nothing outlives the memory')
    for (const id of ['in time', 'late']) await store.sessions.save(sessionOf(id, { removalId: 'u1' }))
    for (const id of ['in time', 'late']) await store.sessions.release(id, 1)
    const later = await another()
    const { sessions } = later.store
    // Two clocks may differ by what it took to read them.
    const leftMs = clock.now() + TTL_MS - later.clock.now()
    later.clock.advance(leftMs - 1000)
    const taken = await take(sessions, 'in time', 't1', 't2')
    t.strictSame(taken?.session, { sessionId: 'in time', userId: 'ann', generation: 2, rooms, removalId: 'u1' })
    t.equal(taken?.taken.formerOwner, store.sessions.owner)
    t.not(sessions.owner, store.sessions.owner)
    later.clock.advance(2000)
    t.equal(await take(sessions, 'late', 't1', 't2'), undefined)
  })
}
