import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { open } from 'lmdb'
import t, { type Test } from 'tap'
import type { Ledger, LedgerRange } from '../../src/store/embedded/ledger.js'
import { LmdbLedger } from '../../src/store/embedded/lmdb-ledger.js'
import { MemoryLedger } from '../../src/store/embedded/memory-ledger.js'
import type { StoredMessage } from '../../src/store/streams.js'

const HOUR_MS = 3_600_000

async function fileIn(t: Test): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'roomcast-ledger-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return path.join(folder, 'roomcast.mdb')
}

async function onDisk(t: Test): Promise<LmdbLedger> {
  const ledger = new LmdbLedger(await fileIn(t))
  t.teardown(() => ledger.close())
  return ledger
}

function message(offset: number, bytes: number): StoredMessage {
  return { epoch: 'e', offset, messageId: `m${offset}`, timestamp: offset, encoded: Buffer.alloc(bytes), exclude: [] }
}

function offsetsIn(ledger: Ledger, channel: string, range: LedgerRange): number[] {
  return ledger.read(channel, range).map(({ offset }) => offset)
}

const runs = fc.array(fc.array(fc.constantFrom(10, 900, 20_000), { minLength: 1, maxLength: 40 }), { maxLength: 6 })
const ranges = fc.array(
  fc.record({ from: fc.nat(150), to: fc.nat(150), limit: fc.nat(60), newestFirst: fc.boolean() }),
  { minLength: 5, maxLength: 20 }
)

t.test('on disk every range is what it is in memory, however the messages were written', async (t) => {
  const disk = await onDisk(t)
  let channels = 0
  await fc.assert(
    fc.asyncProperty(runs, ranges, fc.nat(60), async (runs, ranges, trimmed) => {
      const memory = new MemoryLedger()
      const channel = `c${channels++}`
      let top = 0
      for (const sizes of runs) {
        const run = sizes.map((bytes) => message(++top, bytes))
        // Its neighbours in the table must not be taken for its own.
        const others = [[`${channel}-`, [message(1, 10)]] as const, [channel.slice(0, -1), [message(1, 10)]] as const]
        for (const ledger of [disk, memory]) await ledger.commit({ messages: [[channel, run], ...others] })
      }
      for (const ledger of [disk, memory]) await ledger.commit({ trims: [[channel, trimmed]] })
      for (const range of ranges) {
        const kept = { ...range, from: Math.max(range.from, trimmed + 1) }
        t.strictSame(offsetsIn(disk, channel, kept), offsetsIn(memory, channel, kept), JSON.stringify(kept))
      }
    }),
    { numRuns: 60 }
  )
})

t.test('what is trimmed as a whole leaves the disk', async (t) => {
  const disk = await onDisk(t)
  await disk.commit({ messages: [['c', Array.from({ length: 500 }, (_, index) => message(index + 1, 200))]] })
  await disk.commit({ trims: [['c', 500]] })
  t.strictSame(offsetsIn(disk, 'c', { from: 0, to: 1000, limit: 1000 }), [])
})

t.test('of receipts that were written together each ends in its own time', async (t) => {
  const disk = await onDisk(t)
  const receipt = { epoch: 'e', offset: 1, timestamp: 1 }
  const written = Array.from({ length: 3000 }, (_, index) => ({
    channel: 'c',
    messageId: `m${index}`,
    receipt,
    expiresAt: index % 2 === 0 ? HOUR_MS : 2 * HOUR_MS
  }))
  await disk.commit({ receipts: written })
  await disk.commit({ receipts: [{ channel: 'c', messageId: 'm0', receipt, expiresAt: 3 * HOUR_MS }] })
  const isKnown = (messageId: string, now: number) => disk.receipt('c', messageId, now) !== undefined
  while (await disk.sweepReceipts(1.5 * HOUR_MS)) t.pass('page by page')
  t.ok(isKnown('m0', 0), 'it was published anew')
  t.ok(isKnown('m1', 0))
  t.notOk(isKnown('m2', 0))
  while (await disk.sweepReceipts(2.5 * HOUR_MS)) t.pass('page by page')
  t.notOk(isKnown('m1', 0))
  t.ok(isKnown('m0', 0))
})

t.test('a file of an earlier format is not opened', async (t) => {
  const file = await fileIn(t)
  const root = open({ path: file, maxDbs: 16 })
  await root.openDB({ name: 'metas' }).put('room:r', { epoch: 'e', top: 1 })
  await root.close()
  t.throws(() => new LmdbLedger(file), { message: /earlier version/ })
})
