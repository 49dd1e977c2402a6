import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import type { Channel } from '../../src/channels/channel.js'
import { PresenceEvents } from '../../src/rooms/presence-events.js'
import { decodeRoomSignal } from '../../src/rooms/room-signals.js'
import { ManualClock } from '../support/manual-clock.js'

/** Two nodes with members in one room: what either sends is heard on both. */
function setUp(eventsMax: number) {
  const clock = new ManualClock()
  const notes: Buffer[] = []
  const heard: Array<Record<string, unknown>> = []
  const channel = {
    signal: ({ encoded }: { encoded: Buffer }) => heard.push(JSON.parse(encoded.toString()))
  } as unknown as Channel
  const events = new PresenceEvents({
    namesUsers: (_room, users) => users <= eventsMax,
    clock,
    send: async (room, encoded) => {
      notes.push(encoded)
      const signal = decodeRoomSignal(encoded)
      if (signal?.kind === 'note') events.deliver(room, channel, signal.note)
    }
  })
  return { clock, events, notes, heard }
}

const joined = (userId: string, users: number) => ({ action: 'user_joined', userId, users }) as const
const left = (userId: string, users: number) => ({ action: 'user_left', userId, users }) as const

t.test('what happens in one turn is one note, and one event for each user', async (t) => {
  const { events, notes, heard } = setUp(200)
  events.add('r', joined('alice', 1))
  events.add('r', joined('bob', 2))
  events.add('r', left('alice', 1))
  await nextTurn()
  t.equal(notes.length, 1)
  t.match(heard, [
    { type: 'system', action: 'user_joined', room: 'r', user_id: 'alice', online_count: 1 },
    { action: 'user_joined', user_id: 'bob', online_count: 2 },
    { action: 'user_left', user_id: 'alice', online_count: 1 }
  ])
})

t.test('a large room hears counts, at most one a second, and each move is in one of them', async (t) => {
  const { clock, events, heard } = setUp(2)
  let users = 2
  for (let turn = 0; turn < 5; turn++) {
    events.add('r', joined(`a${turn}`, ++users))
    events.add('r', joined(`b${turn}`, ++users))
    events.add('r', left(`b${turn}`, --users))
    await nextTurn()
  }
  t.match(heard, [{ action: 'online_count', room: 'r', online_count: 3, joined: 2, left: 1 }])
  clock.advance(1000)
  t.match(heard.slice(1), [{ action: 'online_count', online_count: 7, joined: 8, left: 4 }])
  clock.advance(5000)
  t.equal(heard.length, 2, 'nothing is said where nothing happened')
  events.add('r', joined('late', ++users))
  await nextTurn()
  t.match(heard.slice(2), [{ online_count: 8, joined: 1, left: 0 }])
})

t.test('settled waits until everything has been sent', async (t) => {
  const { events, notes } = setUp(200)
  events.add('r', joined('alice', 1))
  await events.settled()
  t.equal(notes.length, 1)
  await nextTurn()
  t.equal(notes.length, 1)
})
