import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { EmbeddedStreams } from '../../src/store/embedded/embedded-streams.js'
import type { Ledger } from '../../src/store/embedded/ledger.js'
import { LmdbLedger } from '../../src/store/embedded/lmdb-ledger.js'
import { MemoryLedger } from '../../src/store/embedded/memory-ledger.js'
import { ManualClock } from '../support/manual-clock.js'
import { DAY_MS, fill, freshChannel, Hearing, offsetsOf, post, span } from './hearing.js'

const HOUR_MS = 3_600_000
const ledgers: Record<string, (t: Test) => Promise<Ledger>> = {
  'in memory': async () => new MemoryLedger(),
  'on disk': async (t) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-sweep-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    return new LmdbLedger(path.join(folder, 'roomcast.mdb'))
  }
}

for (const [where, createLedger] of Object.entries(ledgers)) t.test(where, async (t) => testSweeping(t, createLedger))

function testSweeping(t: Test, createLedger: (t: Test) => Promise<Ledger>): void {
  const opened = async (t: Test) => {
    const ledger = await createLedger(t)
    const clock = new ManualClock()
    const streams = new EmbeddedStreams(ledger, clock)
    t.teardown(async () => {
      await streams.idle()
      await ledger.close()
    })
    await streams.start(new Hearing())
    const publish = (channel: string, messageId?: string) =>
      post(streams, channel, 'hi', {
        timestamp: clock.now(),
        retention: { size: 100, ttlMs: HOUR_MS },
        idempotencyMs: 10 * 60_000,
        ...(messageId === undefined ? {} : { messageId })
      })
    const stored = (channel: string) => offsetsOf(ledger.read(channel, { from: 0, to: 1000, limit: 1000 }))
    return { ledger, clock, streams, publish, stored }
  }

  t.test('old messages leave the ledger, younger ones stay', async (t) => {
    const { clock, streams, publish, stored } = await opened(t)
    const channel = freshChannel()
    await publish(channel)
    await publish(channel)
    clock.advance(HOUR_MS / 2)
    await publish(channel)
    await streams.sweep()
    t.same(stored(channel), [1, 2, 3], 'not before their time')
    clock.advance(HOUR_MS / 2)
    await streams.sweep()
    t.same(stored(channel), [3])
    const page = await streams.read(channel, { after: { offset: 0 }, limit: 10 })
    t.match(page, { continuity: 'gap', gap: { from: 1, to: 2 } })
    clock.advance(HOUR_MS / 2)
    await streams.sweep()
    t.same(stored(channel), [])
    t.match(await publish(channel), { position: { offset: 4 } })
    t.same(stored(channel), [4])
  })

  t.test('messages that a size drove out leave the ledger at once', async (t) => {
    const { streams, stored, clock } = await opened(t)
    const channel = freshChannel()
    const options = { timestamp: clock.now(), retention: { size: 3, ttlMs: DAY_MS } }
    await fill(streams, channel, 10, options)
    t.same(stored(channel), [8, 9, 10])
    await post(streams, channel, 'hi', { ...options, retention: { size: 1, ttlMs: DAY_MS } })
    t.same(stored(channel), [11])
  })

  t.test('receipts leave the ledger when their time is over', async (t) => {
    const { ledger, clock, streams, publish } = await opened(t)
    const channel = freshChannel()
    await publish(channel, 'first')
    clock.advance(9 * 60_000)
    await publish(channel, 'second')
    await streams.sweep()
    t.match(ledger.receipt(channel, 'first', 0), { offset: 1 }, 'not before its time')
    // Receipts go by whole minutes.
    clock.advance(2 * 60_000)
    await streams.sweep()
    t.equal(ledger.receipt(channel, 'first', 0), undefined)
    t.match(ledger.receipt(channel, 'second', 0), { offset: 2 })
  })

  t.test('the receipt of an id that was used anew counts from its new use', async (t) => {
    const { ledger, clock, streams, publish } = await opened(t)
    const channel = freshChannel()
    await publish(channel, 'again')
    clock.advance(10 * 60_000)
    t.match(await publish(channel, 'again'), { duplicate: false, position: { offset: 2 } })
    clock.advance(5 * 60_000)
    await streams.sweep()
    t.match(await publish(channel, 'again'), { duplicate: true, position: { offset: 2 } })
    clock.advance(10 * 60_000)
    await streams.sweep()
    t.equal(ledger.receipt(channel, 'again', 0), undefined)
  })

  t.test(
    'a channel that nobody listens to is forgotten a day after its last message went, and not before',
    async (t) => {
      const { ledger, clock, streams, publish, stored } = await opened(t)
      const channel = freshChannel()
      const { epoch } = (await publish(channel)).position
      clock.advance(HOUR_MS + DAY_MS - 1)
      await streams.sweep()
      t.match((await streams.read(channel, { limit: 1 })).top, { epoch, offset: 1 })
      clock.advance(1)
      await streams.sweep()
      t.equal((await streams.read(channel, { limit: 1 })).top, undefined)
      t.same(stored(channel), [])
      t.same([...ledger.channels()], [])
      const { position } = await publish(channel)
      t.equal(position.offset, 1)
      t.not(position.epoch, epoch)
      t.match(await streams.read(channel, { after: { epoch, offset: 1 }, limit: 1 }), { continuity: 'reset', holds: 0 })
    }
  )

  t.test('a channel that was only looked at is forgotten after a day', async (t) => {
    const { clock, streams } = await opened(t)
    const channel = freshChannel()
    const [top] = await streams.tops([channel])
    clock.advance(DAY_MS - 1)
    await streams.sweep()
    t.match((await streams.read(channel, { limit: 1 })).top, top)
    clock.advance(1)
    await streams.sweep()
    t.equal((await streams.read(channel, { limit: 1 })).top, undefined)
  })

  t.test('looks at the top keep the epoch alive', async (t) => {
    const { clock, streams, publish } = await opened(t)
    const channel = freshChannel()
    const { epoch } = (await publish(channel)).position
    for (let hours = 0; hours < 100; hours += 6) {
      clock.advance(6 * HOUR_MS)
      await streams.tops([channel])
      await streams.sweep()
    }
    t.match((await streams.read(channel, { limit: 1 })).top, { epoch, offset: 1 })
    // At least 12 hours are left of what the last look gave.
    clock.advance(12 * HOUR_MS)
    await streams.sweep()
    t.match((await streams.read(channel, { limit: 1 })).top, { epoch, offset: 1 })
  })

  t.test('a channel that is subscribed to is kept, and forgotten when nobody listens any more', async (t) => {
    const { clock, streams, publish, stored } = await opened(t)
    const channel = freshChannel()
    await streams.subscribe([channel])
    const { epoch } = (await publish(channel)).position
    clock.advance(10 * DAY_MS)
    await streams.sweep()
    t.match((await streams.read(channel, { limit: 1 })).top, { epoch, offset: 1 })
    t.same(stored(channel), [], 'its messages go all the same')
    await streams.unsubscribe([channel])
    clock.advance(DAY_MS)
    await streams.sweep()
    t.equal((await streams.read(channel, { limit: 1 })).top, undefined)
  })

  t.test('a sweep of many channels lets publishes go on, and misses none', async (t) => {
    const { ledger, clock, streams, publish } = await opened(t)
    const ended = Array.from({ length: 1500 }, freshChannel)
    await Promise.all(ended.map((channel) => publish(channel)))
    clock.advance(2 * DAY_MS)
    const living = Array.from({ length: 20 }, freshChannel)
    const sweeping = streams.sweep()
    for (let round = 0; round < 20; round++) await Promise.all(living.map((channel) => publish(channel)))
    await sweeping
    const left = [...ledger.channels()]
    t.equal(left.filter((channel) => !living.includes(channel)).length, 0, 'all that ended are gone')
    t.same(new Set(left.filter((channel) => living.includes(channel))), new Set(living))
    for (const channel of living) {
      t.same(offsetsOf((await streams.read(channel, { limit: 100 })).messages), span(1, 20))
    }
  })

  t.test('a wall clock that goes back brings nothing back and numbers on', async (t) => {
    const { clock, streams, publish } = await opened(t)
    const channel = freshChannel()
    await publish(channel)
    clock.jump(-30 * 60_000)
    t.match(await publish(channel), { position: { offset: 2 } })
    t.same(offsetsOf((await streams.read(channel, { limit: 10 })).messages), [1, 2])
    clock.advance(2 * HOUR_MS)
    await streams.sweep()
    t.same((await streams.read(channel, { limit: 10 })).messages, [])
    t.equal((await streams.read(channel, { limit: 10 })).top?.offset, 2)
  })
}
