import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { EmbeddedStreams } from '../../src/store/embedded/embedded-streams.js'
import type { Ledger } from '../../src/store/embedded/ledger.js'
import { LmdbLedger } from '../../src/store/embedded/lmdb-ledger.js'
import { MemoryLedger } from '../../src/store/embedded/memory-ledger.js'
import { ManualClock } from '../support/manual-clock.js'
import { until } from '../support/until.js'
import { type StreamsUnderTest, testStreams } from './streams-contract.js'

t.test('in memory', async (t) => testStreams(t, async (t) => embeddedStreams(t, new MemoryLedger())))

t.test('on disk', async (t) =>
  testStreams(t, async (t) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-streams-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    return embeddedStreams(t, new LmdbLedger(path.join(folder, 'roomcast.mdb')))
  })
)

function embeddedStreams(t: Test, ledger: Ledger): StreamsUnderTest {
  const clock = new ManualClock(Date.now())
  const streams = new EmbeddedStreams(ledger, clock)
  t.teardown(async () => {
    await streams.idle()
    await ledger.close()
  })
  return { streams, now: () => clock.now(), pass: async (ms) => clock.advance(ms) }
}

t.test('channels that are subscribed while others are being flushed share the next flush', async (t) => {
  const ledger = new MemoryLedger()
  const flushes: number[] = []
  let goOn = () => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const commit = ledger.commit.bind(ledger)
  ledger.commit = async (batch) => {
    flushes.push([...(batch.metas ?? [])].length)
    await held
    await commit(batch)
  }
  const streams = new EmbeddedStreams(ledger, new ManualClock())
  const first = streams.subscribe(['user:0'])
  await until(() => flushes.length === 1)
  const others = [1, 2, 3, 4].map((user) => streams.subscribe([`user:${user}`]))
  goOn()
  const positions = (await Promise.all([first, ...others])).flat()
  t.equal(new Set(positions.map(({ epoch }) => epoch)).size, 5)
  t.strictSame(flushes, [1, 4])
})
