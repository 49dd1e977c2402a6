import t from 'tap'
import { systemRandom } from '../src/random.js'

t.test('time UUIDs are valid, carry the time, and each is greater than the one before', async (t) => {
  const before = Date.now()
  const uuids = Array.from({ length: 20_000 }, () => systemRandom.timeUuid(0))
  for (const uuid of uuids) {
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid)) t.fail(uuid)
  }
  t.strictSame(uuids, [...new Set(uuids)].sort(), 'in order, none twice')
  const timeOf = (uuid = '') => Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16)
  t.ok(timeOf(uuids[0]) >= before && timeOf(uuids.at(-1)) <= Date.now())
})

t.test('bytes are nobody else’s, as many as asked for, and not the same again', async (t) => {
  const taken = Array.from({ length: 2000 }, () => systemRandom.bytes(24))
  t.equal(new Set(taken.map((bytes) => bytes.toString('hex'))).size, 2000)
  const [first] = taken
  const before = first?.toString('hex')
  first?.fill(0)
  t.notSame(taken[1], first)
  t.not(before, first?.toString('hex'))
  for (const count of [0, 1, 8192, 8193, 100_000]) t.equal(systemRandom.bytes(count).length, count)
  const counts = new Array<number>(256).fill(0)
  for (const byte of systemRandom.bytes(100_000)) counts[byte] = (counts[byte] ?? 0) + 1
  t.ok(Math.min(...counts) > 200, 'every byte comes')
})
