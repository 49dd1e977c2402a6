import type { Test } from 'tap'
import { until } from '../support/until.js'
import { span } from './hearing.js'
import { type CreateStore, strangeIds } from './store-under-test.js'

/** What every implementation of `Removals` must do. Run on every store. */
export function testRemovals(t: Test, createStore: CreateStore): void {
  t.test('who was never put out has no removals', async (t) => {
    const { removals } = (await createStore(t)).store
    t.same(await removals.newest('ann', []), { user: undefined, rooms: [] })
    t.same(await removals.newest('ann', ['a', 'b']), { user: undefined, rooms: [undefined, undefined] })
  })

  t.test('the newest removal is the one that is answered', async (t) => {
    const { removals } = (await createStore(t)).store
    await removals.record('r1', 'ann', 'lobby')
    await removals.record('r2', 'ann', 'lobby')
    t.same(await removals.newest('ann', ['lobby']), { user: undefined, rooms: ['r2'] })
    await removals.record('r2', 'ann', 'lobby')
    t.same((await removals.newest('ann', ['lobby'])).rooms, ['r2'], 'a repetition changes nothing')
    await removals.record('a1', 'ann', 'lobby')
    t.same((await removals.newest('ann', ['lobby'])).rooms, ['a1'], 'whatever its name')
  })

  t.test('a removal of the user stands apart from those of its rooms', async (t) => {
    const { removals } = (await createStore(t)).store
    await removals.record('of the room', 'ann', 'lobby')
    t.same(await removals.newest('ann', ['lobby']), { user: undefined, rooms: ['of the room'] })
    await removals.record('of the user', 'ann')
    t.same(await removals.newest('ann', ['lobby', 'other']), { user: 'of the user', rooms: ['of the room', undefined] })
    t.same(await removals.newest('bob', ['lobby']), { user: undefined, rooms: [undefined] })
  })

  t.test('rooms are answered in the order asked, as often as asked', async (t) => {
    const { removals } = (await createStore(t)).store
    for (const room of ['a', 'b', 'c']) await removals.record(`of ${room}`, 'ann', room)
    t.same((await removals.newest('ann', ['c', 'none', 'a', 'c'])).rooms, ['of c', undefined, 'of a', 'of c'])
    const many = span(1, 500).map((index) => `room-${index}`)
    t.same(
      (await removals.newest('ann', [...many, 'b'])).rooms,
      [...many, 'b'].map((room) => (room === 'b' ? 'of b' : undefined))
    )
  })

  t.test('no name stands for another', async (t) => {
    const { removals } = (await createStore(t)).store
    for (const id of strangeIds) {
      t.same(await removals.newest(id, [id]), { user: undefined, rooms: [undefined] }, id)
      await removals.record(`user ${id}`, id)
      for (const room of strangeIds) await removals.record(`${id} in ${room}`, id, room)
    }
    for (const id of strangeIds) {
      t.same(
        await removals.newest(id, strangeIds),
        { user: `user ${id}`, rooms: strangeIds.map((room) => `${id} in ${room}`) },
        id
      )
    }
  })

  t.test('a removal is remembered for its time, and one that is repeated for longer', async (t) => {
    const { store, tick } = await createStore(t, { removalTtlMs: 1500 })
    const { removals } = store
    await removals.record('r1', 'ann', 'lobby')
    await removals.record('u1', 'ann')
    t.same(await removals.newest('ann', ['lobby']), { user: 'u1', rooms: ['r1'] })
    await until(async () => {
      tick()
      await removals.record('again', 'bob', 'lobby')
      t.same((await removals.newest('bob', ['lobby'])).rooms, ['again'])
      const { user, rooms } = await removals.newest('ann', ['lobby'])
      return user === undefined && rooms[0] === undefined
    })
    await removals.record('r2', 'ann', 'lobby')
    t.same(await removals.newest('ann', ['lobby']), { user: undefined, rooms: ['r2'] }, 'the old ones stay away')
  })

  t.test('removals that are under way together are all recorded', async (t) => {
    const { removals } = (await createStore(t)).store
    const rooms = span(1, 100).map((index) => `room-${index}`)
    await Promise.all(rooms.map((room) => removals.record(`of ${room}`, 'ann', room)))
    t.same(
      (await removals.newest('ann', rooms)).rooms,
      rooms.map((room) => `of ${room}`)
    )
  })

  t.test('removals are there for whoever comes later', async (t) => {
    const { store, another } = await createStore(t)
    if (another === undefined) return t.pass('nothing outlives the memory')
    await store.removals.record('u1', 'ann')
    for (const room of strangeIds) await store.removals.record(`of ${room}`, 'ann', room)
    const { removals } = (await another()).store
    const rooms = strangeIds.map((room) => `of ${room}`)
    t.same(await removals.newest('ann', strangeIds), { user: 'u1', rooms })
  })
}
