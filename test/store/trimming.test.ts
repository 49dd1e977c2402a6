import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { EmbeddedStreams } from '../../src/store/embedded/embedded-streams.js'
import { LmdbLedger } from '../../src/store/embedded/lmdb-ledger.js'
import { MemoryLedger } from '../../src/store/embedded/memory-ledger.js'
import { ManualClock } from '../support/manual-clock.js'
import { Hearing, offsetsOf, post, span } from './hearing.js'

const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-trimming-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))

for (const [where, ledger] of [
  ['in memory', new MemoryLedger()],
  ['on disk', new LmdbLedger(path.join(folder, 'roomcast.mdb'))]
] as const) {
  t.test(where, async (t) => {
    const clock = new ManualClock()
    const streams = new EmbeddedStreams(ledger, clock)
    t.teardown(() => ledger.close())
    await streams.start(new Hearing())
    const publish = (channel: string, count: number, size: number) =>
      Promise.all(span(1, count).map(() => post(streams, channel, 'hi', { retention: { size, ttlMs: 3_600_000 } })))

    t.test('what is beyond the size of a channel leaves the ledger, some messages at a time', async (t) => {
      for (let batch = 0; batch < 40; batch++) await publish('many', 10, 100)
      t.same((await streams.read('many', { after: { offset: 0 }, limit: 1000 })).messages.length, 100)
      const kept = ledger.read('many', { from: 0, to: 1000, limit: 1000 }).length
      t.ok(kept >= 100 && kept <= 130, `${kept} are kept`)
    })

    t.test('a batch larger than the channel leaves no hole between what was there and what it keeps', async (t) => {
      await publish('one', 1, 512)
      await publish('one', 513, 512)
      const { messages } = await streams.read('one', { after: { offset: 2 }, limit: 1000 })
      t.same(offsetsOf(messages), span(3, 514))
    })
  })
}
