import t from 'tap'
import {
  EmbeddedRecords,
  MemoryRecordBacking,
  type RecordKey,
  type StoredRecord
} from '../../src/store/embedded/embedded-records.js'
import { EmbeddedRevocations } from '../../src/store/embedded/embedded-revocations.js'
import { ManualClock } from '../support/manual-clock.js'

const HOUR_MS = 3_600_000

/** Counts how often all of a table is read. */
class CountingBacking extends MemoryRecordBacking {
  reads = 0

  override *entries(prefix: RecordKey): Iterable<StoredRecord> {
    this.reads++
    yield* super.entries(prefix)
  }
}

t.test('many are read once, and not once for each page of them', async (t) => {
  const clock = new ManualClock()
  const backing = new CountingBacking()
  const revocations = new EmbeddedRevocations(new EmbeddedRecords(backing, clock), clock)
  const expiresAt = clock.now() + HOUR_MS
  await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      revocations.record({ tokenId: `t${index}`, expiresAt: expiresAt + index })
    )
  )
  let count = 0
  let cursor: string | undefined
  do {
    const page = await revocations.list({ limit: 10, cursor })
    count += page.revocations.length
    cursor = page.nextCursor
  } while (cursor !== undefined)
  t.equal(count, 100)
  t.equal(backing.reads, 1)

  clock.advance(HOUR_MS + 49)
  t.match(
    await revocations.list({ limit: 1 }),
    { revocations: [{ tokenId: 't50' }] },
    'those that are over are passed over'
  )
  await revocations.record({ tokenId: 'new', expiresAt: expiresAt + 60 })
  await revocations.sweep()
  t.equal((await revocations.list({ limit: 100 })).revocations.length, 51, 'one that comes later is among them')
})
