import t from 'tap'
import { loadRows } from './rig/load-rows.js'
import { runRow } from './rig/run-row.js'

t.setTimeout(600_000)

/** Always the same one here: what CI finds is found again. `npm run test:faults` takes others. */
const SEED = 1

/** Of Redis, nodes and networks; F30 and F34 to F42 have tests of their own (`test/faults/fNN.test.ts`). */
const wanted = [...Array.from({ length: 29 }, (_, index) => index + 1), 31, 32, 33, 39].map((number) => `F${number}`)

const rows = await loadRows()

t.test('every fault of Redis, nodes and networks has a row', async (t) => {
  const numbers: ReadonlySet<string> = new Set(rows.map(({ number }) => number))
  const missing = wanted.filter((number) => !numbers.has(number))
  t.strictSame(missing, [], `without a row: ${missing.join(', ')}`)
})

for (const row of rows.filter(({ ci }) => ci)) {
  t.test(`${row.number}: ${row.fault}`, async (t) => {
    const { broken } = await runRow(row, SEED)
    t.equal(broken, undefined)
  })
}
