import type { Counts, Membership, Presence, PresenceChange } from '../store/presence.js'
import type { RoomFamilies } from './room-families.js'

/** What rooms need of the presence. */
export type RoomPresence = Pick<Presence, 'join' | 'leave' | 'counts' | 'members' | 'rooms'>

const nobody: Counts = { users: 0, connections: 0 }

/** The presence without the rooms whose family has it off: nothing is written of them, and nobody is ever there. */
export function trackedPresence(presence: RoomPresence, families: RoomFamilies): RoomPresence {
  const isTracked = (room: string) => families.presenceIn(room) !== 'off'

  async function change(memberships: readonly Membership[], write: Presence['join']): Promise<PresenceChange[]> {
    const tracked = memberships.filter(({ room }) => isTracked(room))
    const changes = tracked.length === 0 ? [] : await write(tracked)
    let next = 0
    return memberships.map(({ room, userId }) => {
      const written = isTracked(room) ? changes[next++] : undefined
      return written ?? { room, userId, userChanged: false, ...nobody }
    })
  }

  return {
    join: (memberships) => change(memberships, (tracked) => presence.join(tracked)),
    leave: (memberships) => change(memberships, (tracked) => presence.leave(tracked)),
    counts: async (rooms) =>
      (await presence.counts(rooms)).map((counts, n) => (isTracked(rooms[n] ?? '') ? counts : nobody)),
    members: async (room, query) =>
      isTracked(room) ? await presence.members(room, query) : { members: [], nextCursor: undefined },
    rooms: (query) => presence.rooms(query)
  }
}
