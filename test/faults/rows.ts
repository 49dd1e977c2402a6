// `npm run test:faults`: faults of Redis, nodes and networks one after the other, and what held all the same.
import path from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../support/root.js'
import { loadRows } from './rig/load-rows.js'
import { type RowResult, runRow } from './rig/run-row.js'
import { renderTable, writeTable } from './rig/table.js'
import { ArgumentError, seed as freshSeed, runDriver } from './support/arguments.js'

const document = path.join(root, 'docs/faults.md')

await runDriver('test:faults', async () => {
  const { only, seed, write } = readOptions(process.argv.slice(2))
  const rows = (await loadRows()).filter(({ number }) => only === undefined || only.includes(number))
  if (rows.length === 0) throw new ArgumentError(`--only: no row of ${only?.join(', ')}`)
  print(`${rows.length} rows, seed ${seed}`)
  const results: RowResult[] = []
  for (const row of rows) {
    const result = await runRow(row, seed)
    results.push(result)
    print(describe(result))
  }
  print(`\n${renderTable(results)}`)
  if (write) await writeTable(document, results, seed)
  return results.every(({ broken }) => broken === undefined)
})

function describe({ row, seen, broken, tookMs }: RowResult): string {
  const took = `${(tookMs / 1000).toFixed(1)} s`
  return `${row.number} (${took}) ${row.fault}: ${seen === undefined ? `BROKEN\n${broken}` : seen.seen}`
}

function readOptions(args: string[]): { only: string[] | undefined; seed: number; write: boolean } {
  const { only, seed, write } = parse(args)
  if (seed !== undefined && !/^\d{1,10}$/.test(seed)) throw new ArgumentError(`--seed: not a number: ${seed}`)
  if (write && only !== undefined) throw new ArgumentError('--write: only a table of all rows is written')
  return { only: only?.split(','), seed: seed === undefined ? freshSeed : Number(seed), write }
}

function parse(args: string[]) {
  try {
    const options = {
      only: { type: 'string' },
      seed: { type: 'string' },
      write: { type: 'boolean', default: false }
    } as const
    return parseArgs({ args, options }).values
  } catch (error) {
    throw new ArgumentError((error as Error).message)
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
