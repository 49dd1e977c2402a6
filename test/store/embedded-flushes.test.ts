import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { EmbeddedRecords, MemoryRecordBacking, type StoredRecord } from '../../src/store/embedded/embedded-records.js'
import { ManualClock } from '../support/manual-clock.js'

/** Remembers how many records each flush had; a flush ends with the next turn. */
class SlowBacking extends MemoryRecordBacking {
  readonly flushes: number[] = []

  override async write(changes: readonly StoredRecord[]): Promise<void> {
    this.flushes.push(changes.length)
    await nextTurn()
    await super.write(changes)
  }
}

t.test('changes of some turns share a flush where one follows on another', async (t) => {
  const backing = new SlowBacking()
  const records = new EmbeddedRecords(backing, new ManualClock())
  const puts: Array<Promise<void>> = []
  for (let number = 0; number < 24; number++) {
    puts.push(records.put(['table', String(number)], number))
    await nextTurn()
  }
  await Promise.all(puts)
  t.ok(backing.flushes.length <= 5, `${backing.flushes} records a flush`)
  t.ok((backing.flushes[0] ?? 0) <= 2, 'the first does not wait')
  t.equal(
    backing.flushes.reduce((sum, count) => sum + count, 0),
    24
  )
})
