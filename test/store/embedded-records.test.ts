import t from 'tap'
import { PREVIOUS_TOKEN_MS } from '../../src/store/sessions.js'
import { testCursors } from './cursors-contract.js'
import { testGroups } from './groups-contract.js'
import { testRemovals } from './removals-contract.js'
import { testRevocations } from './revocations-contract.js'
import { testSessions } from './sessions-contract.js'
import { storeInMemory, storeOnDisk } from './store-under-test.js'

for (const [where, createStore] of Object.entries({ 'in memory': storeInMemory, 'on disk': storeOnDisk })) {
  t.test(where, async (t) => {
    t.test('cursors', async (t) => testCursors(t, createStore))
    t.test('sessions', async (t) => testSessions(t, createStore))
    t.test('groups', async (t) => testGroups(t, createStore))
    t.test('removals', async (t) => testRemovals(t, createStore))
    t.test('revocations', async (t) => testRevocations(t, createStore))
  })
}

t.test('what an earlier process had connected waits from the start of the next one on', async (t) => {
  const { store, clock, another } = await storeOnDisk(t, { sessionTtlMs: 60_000 })
  const session = { userId: 'ann', generation: 1, tokenHash: 't1', rooms: {} }
  for (const sessionId of ['in time', 'late']) await store.sessions.save({ ...session, sessionId })
  clock.advance(600_000)
  const later = await another?.()
  later?.clock.advance(59_999)
  const takeOf = (sessionId: string) =>
    later?.store.sessions.take({ sessionId, userId: null, tokenHash: 't1', nextTokenHash: 't2' })
  t.match(await takeOf('in time'), { session: { generation: 2 }, formerOwner: store.sessions.owner })
  later?.clock.advance(1)
  t.equal(await takeOf('late'), undefined)
})

t.test('the token before works in the next process, too, for the rest of its time', async (t) => {
  const { store, clock, another } = await storeOnDisk(t)
  const session = { userId: 'ann', generation: 1, tokenHash: 't1', rooms: {} }
  for (const sessionId of ['in time', 'late']) {
    await store.sessions.save({ ...session, sessionId })
    await store.sessions.take({ sessionId, userId: null, tokenHash: 't1', nextTokenHash: 'lost' })
  }
  const later = await another?.()
  const takeOf = (sessionId: string) =>
    later?.store.sessions.take({ sessionId, userId: null, tokenHash: 't1', nextTokenHash: 't2' })
  clock.advance(PREVIOUS_TOKEN_MS - 1)
  t.match(await takeOf('in time'), { session: { generation: 3 } })
  clock.advance(1)
  t.equal(await takeOf('late'), undefined)
})

t.test('a sweep takes what is over, and nothing else', async (t) => {
  const { store, clock, another } = await storeOnDisk(t)
  const fill = async (id: string) => {
    await store.cursors.open({ userId: id, deviceId: 'phone', channel: 'user:ann' }, { epoch: 'e1', offset: 1 })
    await store.sessions.save({ sessionId: id, userId: 'ann', generation: 1, tokenHash: 't1', rooms: {} })
    await store.sessions.release(id, 1)
    await store.removals.record(`of ${id}`, id, 'lobby')
    await store.revocations.record({ userId: id, expiresAt: clock.now() + 60_000 })
    await store.groups.add(id, 'ann', { id, start: { epoch: 'e1', offset: 0 }, addedAt: clock.now() }, 100)
  }
  await fill('old')
  clock.advance(30_000)
  await fill('young')
  clock.advance(30_000)
  // The sweep of that minute is under way; closing waits for it.
  const later = await another?.()
  // Set back, the clock hides nothing that is still there.
  later?.clock.jump(-59_000)
  const left = async (id: string) => [
    await later?.store.cursors.read({ userId: id, deviceId: 'phone', channel: 'user:ann' }),
    await later?.store.sessions.take({ sessionId: id, userId: null, tokenHash: 't1', nextTokenHash: 't2' }),
    (await later?.store.removals.newest(id, ['lobby']))?.rooms[0],
    await later?.store.groups.membership(id, 'ann')
  ]
  t.match(await left('old'), [undefined, undefined, undefined, { id: 'old' }])
  t.match((await later?.store.revocations.list({ limit: 10 }))?.revocations, [{ userId: 'young' }])
  t.match(await left('young'), [{ offset: 1 }, { session: { generation: 2 } }, 'of young', { id: 'young' }])
})
