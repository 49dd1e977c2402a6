import type { Test } from 'tap'
import { type Cursor, type CursorKey, type Cursors, DEVICES_MAX } from '../../src/store/cursors.js'
import { until } from '../support/until.js'
import { span } from './hearing.js'
import { type CreateStore, strangeIds } from './store-under-test.js'

const INBOX = 'user:ann'

function keyOf(deviceId: string, { userId = 'ann', channel = INBOX } = {}): CursorKey {
  return { userId, deviceId, channel }
}

function at(offset: number, epoch = 'e1'): Cursor {
  return { epoch, offset }
}

async function knownOf(cursors: Cursors, deviceIds: readonly string[]): Promise<string[]> {
  const found = await Promise.all(deviceIds.map((deviceId) => cursors.read(keyOf(deviceId))))
  return deviceIds.filter((_, index) => found[index] !== undefined)
}

/** What every implementation of `Cursors` must do. Run on every store. */
export function testCursors(t: Test, createStore: CreateStore): void {
  t.test('a device that was never there has no cursor, and reading makes none', async (t) => {
    const { cursors } = (await createStore(t)).store
    t.equal(await cursors.read(keyOf('phone')), undefined)
    t.equal(await cursors.read(keyOf('phone')), undefined)
    t.same(await cursors.open(keyOf('phone'), at(7)), at(7))
  })

  t.test('a device starts where it was opened first, and is found where it is later', async (t) => {
    const { cursors } = (await createStore(t)).store
    t.same(await cursors.open(keyOf('phone'), at(7)), at(7))
    t.same(await cursors.open(keyOf('phone'), at(9)), at(7))
    t.same(await cursors.open(keyOf('phone'), at(1, 'e2')), at(7), 'an epoch is not replaced by opening')
    t.same(await cursors.read(keyOf('phone')), at(7))
    await cursors.advance(keyOf('phone'), at(8))
    t.same(await cursors.open(keyOf('phone'), at(1)), at(8))
  })

  t.test('a cursor moves up, and never back within its epoch', async (t) => {
    const { cursors } = (await createStore(t)).store
    t.same(await cursors.advance(keyOf('new'), at(3)), at(3), 'also one that was never opened')
    for (const [asked, is] of [
      [5, 5],
      [5, 5],
      [4, 5],
      [0, 5],
      [9, 9],
      [10, 10]
    ] as const) {
      t.same(await cursors.advance(keyOf('new'), at(asked)), at(is), `to ${asked}`)
      t.same(await cursors.read(keyOf('new')), at(is))
    }
  })

  t.test('a cursor of another epoch replaces, lower or not', async (t) => {
    const { cursors } = (await createStore(t)).store
    await cursors.open(keyOf('phone'), at(50))
    t.same(await cursors.advance(keyOf('phone'), at(3, 'e2')), at(3, 'e2'))
    t.same(await cursors.read(keyOf('phone')), at(3, 'e2'))
    t.same(await cursors.advance(keyOf('phone'), at(2, 'e2')), at(3, 'e2'))
    t.same(await cursors.advance(keyOf('phone'), at(80, 'e3')), at(80, 'e3'))
  })

  t.test('epochs and offsets come back as they were given', async (t) => {
    const { cursors } = (await createStore(t)).store
    for (const epoch of ['a:b', ':', 'a:1', '1:2', ' ', 'e 1', '聊:天', '__proto__', '%', 'x'.repeat(64)]) {
      const deviceId = `of ${epoch}`
      const cursor = at(Number.MAX_SAFE_INTEGER - 1, epoch)
      t.same(await cursors.advance(keyOf(deviceId), cursor), cursor)
      t.same(await cursors.advance(keyOf(deviceId), at(12, epoch)), cursor)
      t.same(await cursors.read(keyOf(deviceId)), cursor)
      t.same(await cursors.advance(keyOf(deviceId), at(0, `${epoch}:1`)), at(0, `${epoch}:1`))
      await cursors.drop('ann', INBOX)
    }
  })

  t.test('devices, channels and users stand apart, whatever their names', async (t) => {
    const { cursors } = (await createStore(t)).store
    const keys = [
      ...strangeIds.map((id) => keyOf('phone', { userId: id })),
      ...strangeIds.map((id) => keyOf('phone', { userId: 'bob', channel: id })),
      ...strangeIds.slice(0, DEVICES_MAX).map((id) => keyOf(id, { userId: 'cleo' })),
      ...strangeIds.slice(DEVICES_MAX).map((id) => keyOf(id, { userId: 'dan' })),
      // Joined by a colon these would meet.
      keyOf('b:c', { userId: 'x' }),
      keyOf('c', { userId: 'x:b' })
    ]
    for (const [index, key] of keys.entries()) {
      t.same(await cursors.open(key, at(index)), at(index), `${key.userId} ${key.deviceId} ${key.channel}`)
    }
    for (const [index, key] of keys.entries()) {
      t.same(await cursors.read(key), at(index), `${key.userId} ${key.deviceId} ${key.channel}`)
    }
  })

  t.test('a dropped channel is forgotten on all devices of the user, and nothing else', async (t) => {
    const { cursors } = (await createStore(t)).store
    const group = { channel: 'group:g' }
    for (const deviceId of ['phone', 'desk']) {
      await cursors.open(keyOf(deviceId), at(1))
      await cursors.open(keyOf(deviceId, group), at(2))
      await cursors.open(keyOf(deviceId, { channel: 'group:g2' }), at(3))
    }
    await cursors.open(keyOf('phone', { userId: 'bob', ...group }), at(4))
    for (let again = 0; again < 2; again++) {
      await cursors.drop('ann', 'group:g')
      for (const deviceId of ['phone', 'desk']) {
        t.equal(await cursors.read(keyOf(deviceId, group)), undefined)
        t.same(await cursors.read(keyOf(deviceId)), at(1))
        t.same(await cursors.read(keyOf(deviceId, { channel: 'group:g2' })), at(3))
      }
    }
    t.same(await cursors.read(keyOf('phone', { userId: 'bob', ...group })), at(4))
    await cursors.drop('nobody', 'group:g')
    t.same(await cursors.open(keyOf('phone', group), at(9)), at(9), 'a new membership has a new start')
  })

  t.test('advances that are under way together end at the highest', async (t) => {
    const { store, another } = await createStore(t)
    const nodes = [store.cursors, store.durable === 'redis' ? (await another?.())?.store.cursors : undefined]
    const offsets = span(1, 200).map((index) => (index * 77) % 201)
    const answers = await Promise.all(
      offsets.map((offset, index) => (nodes[index % 2] ?? store.cursors).advance(keyOf('phone'), at(offset)))
    )
    for (const [index, answer] of answers.entries()) t.ok(answer.offset >= (offsets[index] ?? 0), 'never below')
    t.same(await store.cursors.read(keyOf('phone')), at(Math.max(...offsets)))
  })

  t.test('of opens that are under way together one is the start for all', async (t) => {
    const { cursors } = (await createStore(t)).store
    const answers = await Promise.all(span(1, 30).map((offset) => cursors.open(keyOf('phone'), at(offset))))
    t.equal(new Set(answers.map(({ offset }) => offset)).size, 1)
    t.same(await cursors.read(keyOf('phone')), answers[0])
  })

  testDeviceLimit(t, createStore)
  testDisuse(t, createStore)

  t.test('cursors are there for whoever comes later', async (t) => {
    const { store, another } = await createStore(t)
    if (another === undefined) return t.pass('nothing outlives the memory')
    for (const [index, id] of strangeIds.entries()) {
      await store.cursors.advance(keyOf('phone', { userId: 'bob', channel: id }), at(index))
    }
    const { cursors } = (await another()).store
    for (const [index, id] of strangeIds.entries()) {
      t.same(await cursors.read(keyOf('phone', { userId: 'bob', channel: id })), at(index), id)
    }
    t.same(await cursors.advance(keyOf('phone', { userId: 'bob', channel: 'a' }), at(0, 'e1')), at(0))
  })
}

function testDeviceLimit(t: Test, createStore: CreateStore): void {
  const deviceIds = span(1, DEVICES_MAX).map((index) => `device-${index}`)

  t.test('of more than sixteen devices the longest unused goes', async (t) => {
    const { store, clock } = await createStore(t)
    const { cursors } = store
    for (const deviceId of deviceIds) {
      clock.advance(10)
      await cursors.open(keyOf(deviceId), at(1))
    }
    clock.advance(10)
    await cursors.open(keyOf('device-1'), at(9))
    clock.advance(10)
    await cursors.advance(keyOf('device-2', { channel: 'group:g' }), at(1))
    clock.advance(10)
    t.same(await knownOf(cursors, deviceIds), deviceIds, 'reading is no use')
    await cursors.open(keyOf('device-17'), at(1))
    t.same(
      await knownOf(cursors, deviceIds),
      deviceIds.filter((id) => id !== 'device-3')
    )
    clock.advance(10)
    t.same(await cursors.open(keyOf('device-3'), at(5)), at(5), 'it comes back as a new one')
    t.same(
      await knownOf(cursors, [...deviceIds, 'device-17']),
      [...deviceIds, 'device-17'].filter((id) => id !== 'device-4')
    )
  })

  t.test('the device that has just come is not the one that goes, however close they are', async (t) => {
    const { store, clock } = await createStore(t)
    const { cursors } = store
    for (const deviceId of deviceIds) await cursors.open(keyOf(deviceId), at(1))
    // First and last in the order of names.
    for (const deviceId of ['a', 'z']) {
      t.same(await cursors.open(keyOf(deviceId), at(2)), at(2))
      t.same(await cursors.read(keyOf(deviceId)), at(2), `in the same millisecond: ${deviceId}`)
      t.equal((await knownOf(cursors, [...deviceIds, 'a', 'z'])).length, DEVICES_MAX)
    }
    clock.jump(-1000)
    await cursors.open(keyOf('b'), at(3))
    t.same(await cursors.read(keyOf('b')), at(3), 'by a clock that was set back')
  })

  t.test('sixteen are left of many devices that come at once', async (t) => {
    const { cursors } = (await createStore(t)).store
    const many = span(1, 60).map((index) => `many-${index}`)
    await Promise.all(many.map((deviceId) => cursors.open(keyOf(deviceId), at(1))))
    t.equal((await knownOf(cursors, many)).length, DEVICES_MAX)
    await cursors.open(keyOf('phone', { userId: 'bob' }), at(1))
    t.equal((await knownOf(cursors, many)).length, DEVICES_MAX, 'every user has as many')
  })
}

function testDisuse(t: Test, createStore: CreateStore): void {
  t.test('a device is forgotten when it was not used for long, with all its channels', async (t) => {
    const { store, tick } = await createStore(t, { deviceTtlMs: 2000 })
    const { cursors } = store
    const group = { channel: 'group:g' }
    for (const deviceId of ['old', 'opened', 'advanced']) {
      await cursors.open(keyOf(deviceId), at(1))
      await cursors.open(keyOf(deviceId, group), at(2))
    }
    await until(async () => {
      tick()
      t.same(await cursors.open(keyOf('opened', group), at(9)), at(2), 'one in use stays')
      t.same(await cursors.advance(keyOf('advanced'), at(1)), at(1))
      return (await cursors.read(keyOf('old'))) === undefined
    })
    t.same(await cursors.open(keyOf('old'), at(5)), at(5), 'a new start')
    t.equal(await cursors.read(keyOf('old', group)), undefined, 'not only the channel that was asked for')
    t.same(await cursors.read(keyOf('opened')), at(1), 'the use of one channel is a use of the device')
    t.same(await cursors.read(keyOf('advanced', group)), at(2))
  })

  t.test('dropping a channel is no use of the device', async (t) => {
    const { store, tick } = await createStore(t, { deviceTtlMs: 1000 })
    await store.cursors.open(keyOf('phone'), at(1))
    await until(async () => {
      tick()
      await store.cursors.drop('ann', 'group:g')
      return (await store.cursors.read(keyOf('phone'))) === undefined
    })
    t.same(await store.cursors.open(keyOf('phone'), at(5)), at(5))
  })
}
