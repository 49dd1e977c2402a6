import t from 'tap'
import { loadRows } from './rig/load-rows.js'
import { runRow } from './rig/run-row.js'

t.setTimeout(300_000)

/** Always the same one here: what CI finds is found again. `npm run test:faults` takes others. */
const SEED = 1

const rows = await loadRows()

for (const row of rows.filter(({ ci }) => ci)) {
  t.test(`${row.number}: ${row.fault}`, async (t) => {
    const { broken } = await runRow(row, SEED)
    t.equal(broken, undefined)
  })
}
