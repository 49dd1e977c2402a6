// Ends with 1 where the tests reach less of the code than they did: these numbers are only ever raised.
import { readFileSync } from 'node:fs'

const floors = { lines: 90, statements: 90, functions: 90, branches: 85 }
const { total } = JSON.parse(readFileSync(new URL('../.tap/report/coverage-summary.json', import.meta.url), 'utf8'))
const low = Object.entries(floors).filter(([name, floor]) => total[name].pct < floor)
for (const [name, floor] of low) console.error(`coverage: ${name} ${total[name].pct} %, asked for ${floor} %`)
process.exitCode = low.length > 0 ? 1 : 0
