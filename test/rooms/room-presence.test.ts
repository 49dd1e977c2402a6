import t from 'tap'
import { RoomFamilies } from '../../src/rooms/room-families.js'
import { defineRoom } from '../../src/rooms/room-family.js'
import { type RoomPresence, trackedPresence } from '../../src/rooms/room-presence.js'
import type { Membership } from '../../src/store/presence.js'

t.test('rooms with and without presence are answered together, in the order asked', async (t) => {
  const written: string[] = []
  const write = async (memberships: readonly Membership[]) =>
    memberships.map(({ room, userId }) => {
      written.push(room)
      return { room, userId, users: 5, connections: 7, userChanged: true }
    })
  const store: RoomPresence = {
    join: write,
    leave: write,
    counts: async (rooms) => rooms.map(() => ({ users: 5, connections: 7 })),
    members: async () => ({ members: [], nextCursor: undefined }),
    rooms: async () => ({ rooms: [], nextCursor: undefined })
  }
  const families = new RoomFamilies([defineRoom('map/:id', { presence: 'off' })], {
    retention: { size: 1, ttlMs: 1 },
    batchDelayMs: 0
  })
  const presence = trackedPresence(store, families)
  const rooms = ['map/1', 'a', 'map/2', 'b']
  const memberships = rooms.map((room) => ({ room, connectionId: 'c', userId: 'alice' }))
  const expected = rooms.map((room) => {
    const tracked = !room.startsWith('map/')
    const counts = tracked ? { users: 5, connections: 7 } : { users: 0, connections: 0 }
    return { room, userId: 'alice', userChanged: tracked, ...counts }
  })
  for (const change of [presence.join, presence.leave]) t.same(await change(memberships), expected)
  t.strictSame(written, ['a', 'b', 'a', 'b'])
  const counts = await presence.counts(rooms)
  t.strictSame(
    counts.map(({ users }) => users),
    [0, 5, 0, 5]
  )
})
