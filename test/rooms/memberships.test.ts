import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Channel } from '../../src/channels/channel.js'
import type { ChannelRegistry } from '../../src/channels/channel-registry.js'
import type { Receiver } from '../../src/channels/receiver.js'
import type { Connection } from '../../src/connections/connection.js'
import { Memberships } from '../../src/rooms/memberships.js'
import { RoomFamilies } from '../../src/rooms/room-families.js'
import type { RoomPresence } from '../../src/rooms/room-presence.js'
import { encodeNote, type PresenceMove } from '../../src/rooms/room-signals.js'
import { Seats } from '../../src/rooms/seats.js'
import { EmbeddedPresence } from '../../src/store/embedded/embedded-presence.js'
import type { EmbeddedRecords } from '../../src/store/embedded/embedded-records.js'
import type { Membership } from '../../src/store/presence.js'
import type { Streams } from '../../src/store/streams.js'
import { ManualClock } from '../support/manual-clock.js'
import { until } from '../support/until.js'

/** How the store answers from now on: `lost` does what it is asked and does not say so. */
type Mood = 'well' | 'away' | 'lost'

/** One node over a presence and signals that can be disturbed. */
function setUp() {
  const clock = new ManualClock()
  const seats = new Seats()
  const presence = new EmbeddedPresence(clock.now, {} as EmbeddedRecords, 0)
  const calls: string[] = []
  const errors: unknown[] = []
  const heard: string[] = []
  const mood: { presence: Mood; signals: Mood } = { presence: 'well', signals: 'well' }
  const channels = new Map<string, Channel>()
  const channelOf = (room: string) => {
    const channel = channels.get(room) ?? ({ signal: ({ encoded }) => tell(encoded) } as Channel)
    channels.set(room, channel)
    return channel
  }
  const tell = (encoded: Buffer) => {
    const { action, user_id, online_count, joined, left } = JSON.parse(encoded.toString())
    heard.push([action, user_id, online_count, joined, left].filter((part) => part !== undefined).join(' '))
  }
  const disturbed = async <T>(how: Mood, act: () => Promise<T>): Promise<T> => {
    if (how === 'away') throw new Error('away')
    const answer = await act()
    if (how === 'lost') throw new Error('no answer')
    return answer
  }
  const memberships: Memberships = new Memberships({
    presence: {
      join: (asked: Membership[]) => disturbed(mood.presence, () => presence.join(asked)),
      leave: (asked: Membership[]) => disturbed(mood.presence, () => presence.leave(asked)),
      counts: (rooms: string[]) => {
        calls.push(`counts ${rooms.length}`)
        return disturbed(mood.presence, () => presence.counts(rooms))
      }
    } as unknown as RoomPresence,
    streams: {
      signal: (room: string, encoded: Buffer) =>
        disturbed(mood.signals, async () => memberships.onSignal(room, channelOf(room), { encoded, exclude: [] }))
    } as unknown as Streams,
    channels: { get: (room: string) => channels.get(room) } as unknown as ChannelRegistry,
    clock,
    families: new RoomFamilies([], { retention: { size: 0, ttlMs: 0 }, batchDelayMs: 0 }),
    seats,
    presenceEventsMax: 200,
    channelOf: (room) => room,
    onError: (error) => errors.push(error)
  })
  const connectionOf = (userId: string) => ({ id: `${userId}-1`, userId }) as Connection
  const seat = (connection: Connection, room: string) =>
    seats.take(connection, room, { receiver: {} as Receiver, removalId: undefined })
  /** A join as rooms make it, once the presence has the connection. */
  const join = async (connection: Connection, room: string) => {
    const change = await memberships.enter(connection, room)
    seat(connection, room)
    memberships.onSeated(channelOf(room), change?.users ?? 0)
    if (change !== undefined) memberships.tellJoined(change)
  }
  /** Another node tells of one move. */
  const hear = (room: string, move: PresenceMove) => {
    const joined = move.action === 'user_joined' ? 1 : 0
    const encoded = encodeNote({ users: move.users, joined, left: 1 - joined, moves: [move] })
    memberships.onSignal(room, channelOf(room), { encoded, exclude: [] })
  }
  /** Lets what is tried again be tried, and what is counted be counted. */
  const settle = async (done: () => boolean | Promise<boolean>) => {
    await until(async () => {
      clock.advance(1000)
      return await done()
    })
  }
  const users = async (room: string) => (await presence.counts([room]))[0]?.users
  const node = { clock, seats, presence, memberships, calls, errors, heard, mood }
  return { ...node, connectionOf, join, hear, seat, settle, users }
}

t.test('a leave whose outcome nobody knows is made until it is certain, and told once at most', async (t) => {
  const { memberships, seats, heard, mood, connectionOf, join, settle, users } = setUp()
  const [ann, bob] = [connectionOf('ann'), connectionOf('bob')]
  for (const one of [ann, bob]) await join(one, 'r')
  await until(() => heard.length === 2)
  mood.presence = 'lost'
  seats.free(ann, 'r')
  await memberships.leave(ann, ['r'])
  mood.presence = 'well'
  await settle(async () => (await users('r')) === 1)
  seats.free(bob, 'r')
  await memberships.leave(bob, ['r'])
  await until(() => heard.includes('user_left bob 0'))
  t.same(heard, ['user_joined ann 1', 'user_joined bob 2', 'user_left bob 0'])
})

t.test('one on its way in is written again with the members, and not once its join came to nothing', async (t) => {
  const { memberships, connectionOf, seat, users } = setUp()
  const [ann, bob] = [connectionOf('ann'), connectionOf('bob')]
  const arrived = memberships.expect(ann, 'r')
  const failed = memberships.expect(bob, 'r')
  failed()
  await memberships.rejoinAll()
  t.equal(await users('r'), 1, 'its join may have been written under a name that is buried')
  seat(ann, 'r')
  arrived()
  await memberships.rejoinAll()
  t.equal(await users('r'), 1)
})

t.test('who leaves, or does not get in, while the pages before are written is not written again', async (t) => {
  const { memberships, seats, connectionOf, seat, users } = setUp()
  const many = Array.from({ length: 501 }, (_, index) => connectionOf(`user${index}`))
  for (const one of many) seat(one, 'r')
  const failed = memberships.expect(connectionOf('bob'), 'r')
  const rejoining = memberships.rejoinAll()
  failed()
  seats.free(many[500] as Connection, 'r')
  await rejoining
  t.equal(await users('r'), 500)
})

t.test('one that comes in again is not put out by a leave that is tried again', async (t) => {
  const { clock, memberships, seats, mood, connectionOf, join, seat, users } = setUp()
  const ann = connectionOf('ann')
  await join(ann, 'r')
  mood.presence = 'away'
  seats.free(ann, 'r')
  await memberships.leave(ann, ['r'])
  mood.presence = 'well'
  const change = await memberships.enter(ann, 'r')
  // Its history is still being read: it has no seat yet.
  clock.advance(5000)
  await sleep(20)
  seat(ann, 'r')
  t.equal(change?.users, 1)
  t.equal(await users('r'), 1)
})

t.test('a room that is left again while an earlier leave is under way is left', async (t) => {
  const { clock, memberships, seats, mood, presence, connectionOf, join, settle, users } = setUp()
  const ann = connectionOf('ann')
  await join(ann, 'r')
  mood.presence = 'away'
  seats.free(ann, 'r')
  await memberships.leave(ann, ['r'])
  mood.presence = 'well'
  const leave = presence.leave.bind(presence)
  let answer = () => {}
  presence.leave = async (asked) => {
    const changes = await leave(asked)
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    return changes
  }
  clock.advance(1000)
  presence.leave = leave
  await until(async () => (await users('r')) === 0)
  await join(ann, 'r')
  mood.presence = 'away'
  seats.free(ann, 'r')
  await memberships.leave(ann, ['r'])
  answer()
  mood.presence = 'well'
  await settle(async () => (await users('r')) === 0)
  t.equal(await users('r'), 0)
})

t.test('a join that is given up midway is told and taken back', async (t) => {
  const { memberships, heard, connectionOf, join, users } = setUp()
  const [ann, bob] = [connectionOf('ann'), connectionOf('bob')]
  await join(bob, 'r')
  const change = await memberships.enter(ann, 'r')
  await memberships.giveUp(ann, 'r', change)
  t.equal(await users('r'), 1)
  await until(() => heard.length === 3)
  t.same(heard, ['user_joined bob 1', 'user_joined ann 2', 'user_left ann 1'])
})

t.test('where a join without an answer brought the user in, the others hear the count', async (t) => {
  const { memberships, heard, mood, connectionOf, join, settle } = setUp()
  const [ann, bob] = [connectionOf('ann'), connectionOf('bob')]
  await join(bob, 'r')
  await until(() => heard.length === 1)
  mood.presence = 'lost'
  await t.rejects(memberships.enter(ann, 'r'))
  mood.presence = 'away'
  await memberships.giveUp(ann, 'r', undefined)
  mood.presence = 'well'
  await join(ann, 'r')
  await settle(() => heard.length === 2)
  t.same(heard, ['user_joined bob 1', 'online_count 2 0 0'])
})

t.test('where the others could not be told of one that came, they hear the count', async (t) => {
  const { errors, heard, mood, connectionOf, join, settle } = setUp()
  const [ann, bob] = [connectionOf('ann'), connectionOf('bob')]
  await join(bob, 'r')
  await until(() => heard.length === 1)
  mood.signals = 'away'
  await join(ann, 'r')
  await until(() => errors.length > 0)
  mood.signals = 'well'
  await settle(() => heard.length === 2)
  t.same(heard, ['user_joined bob 1', 'online_count 2 0 0'])
})

t.test('after a repair members hear the count once, where it is not what they heard last', async (t) => {
  const { memberships, calls, heard, presence, connectionOf, join, settle } = setUp()
  const [ann, bob] = [connectionOf('ann'), connectionOf('bob')]
  await join(ann, 'changed')
  await join(bob, 'same')
  await until(() => heard.length === 2)
  // Somebody came on another node, and its note was lost.
  await presence.join([{ room: 'changed', userId: 'eve', connectionId: 'e1' }])
  for (let time = 0; time < 3; time++) memberships.recountAll()
  await settle(() => heard.length === 3)
  t.same(heard.slice(2), ['online_count 2 0 0'])
  t.same(calls, ['counts 2'], 'asked for together')
  memberships.recountAll()
  await settle(() => calls.length === 2)
  await sleep(20)
  t.equal(heard.length, 3)
})

t.test('where notes of two nodes overtake each other members hear the right count in the end', async (t) => {
  const { calls, heard, presence, connectionOf, join, hear, settle } = setUp()
  await join(connectionOf('ann'), 'r')
  await until(() => heard.length === 1)
  await presence.join(['bob', 'eve', 'joe'].map((userId) => ({ room: 'r', userId, connectionId: `${userId}-1` })))
  hear('r', { action: 'user_joined', userId: 'bob', users: 2 })
  await settle(() => true)
  t.same(calls, [], 'nothing is asked while each count goes on from the one before')
  hear('r', { action: 'user_joined', userId: 'joe', users: 4 })
  hear('r', { action: 'user_joined', userId: 'eve', users: 3 })
  await settle(() => heard.length === 5)
  t.same(heard.slice(1), ['user_joined bob 2', 'user_joined joe 4', 'user_joined eve 3', 'online_count 4 0 0'])
  t.same(calls, ['counts 1'])
})

t.test('what comes while a room is counted is later than the count', async (t) => {
  const { clock, memberships, heard, presence, connectionOf, join } = setUp()
  await join(connectionOf('ann'), 'r')
  await until(() => heard.length === 1)
  const counts = presence.counts.bind(presence)
  let answer = () => {}
  presence.counts = async (rooms) => {
    const counted = await counts(rooms)
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    return counted
  }
  await presence.join([{ room: 'r', userId: 'eve', connectionId: 'e1' }])
  memberships.recountAll()
  clock.advance(1000)
  await join(connectionOf('bob'), 'r')
  await until(() => heard.length === 2)
  answer()
  await sleep(20)
  t.same(heard, ['user_joined ann 1', 'user_joined bob 3'])
})

t.test('rooms are counted a page at a time, and again where the store does not answer', async (t) => {
  const { memberships, calls, mood, connectionOf, join, settle } = setUp()
  for (let number = 0; number < 1200; number++) await join(connectionOf(`user-${number}`), `room-${number}`)
  mood.presence = 'away'
  memberships.recountAll()
  await settle(() => calls.length >= 3)
  t.same(calls.slice(0, 3), ['counts 500', 'counts 500', 'counts 200'])
  mood.presence = 'well'
  const before = calls.length
  await settle(() => calls.length >= before + 3)
  await sleep(20)
  const after = calls.length
  await settle(() => true)
  await sleep(20)
  t.equal(calls.length, after, 'and then no more')
})

for (const departed of [true, false]) {
  const what = departed ? 'who had departed for them comes again' : 'nobody came'
  t.test(`members are written again into a presence without them: for the others ${what}`, async (t) => {
    const { clock, memberships, heard, presence, connectionOf, join, users } = setUp()
    for (const user of ['ann', 'bob']) await join(connectionOf(user), 'r')
    await until(() => heard.length === 2)
    await presence.leave(['ann', 'bob'].map((userId) => ({ room: 'r', userId, connectionId: `${userId}-1` })))
    await memberships.rejoinAll({ departed })
    await memberships.rejoinAll({ departed })
    t.equal(await users('r'), 2)
    if (departed) await until(() => heard.length === 4)
    for (let second = 0; second < 3; second++) {
      clock.advance(1000)
      await sleep(10)
    }
    t.same(heard.slice(2), departed ? ['user_joined ann 1', 'user_joined bob 2'] : [])
  })
}
