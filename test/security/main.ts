import { compiledName, type NamedTest, type Row, readRows, resultOf } from './table.js'

/*
 * With `--files` the compiled files, below build/test, of all tests that docs/security.md names; without it the table, as these tests
 * ended when they were last run. Exit code 1 where a row is not held.
 */
const rows = readRows()
if (process.argv.includes('--files')) {
  const files = new Set(rows.flatMap(({ tests }) => tests.map(({ file }) => compiledName(file))))
  process.stdout.write(`${[...files].join(' ')}\n`)
} else {
  const verdicts = rows.map((row) => ({ row, verdict: verdictOf(row) }))
  for (const { row, verdict } of verdicts) {
    process.stdout.write(`${row.id.padEnd(4)} ${verdict.padEnd(8)} ${row.item}\n`)
    for (const test of row.tests.filter((test) => resultOf(test) !== true)) process.stdout.write(`${complaint(test)}\n`)
  }
  process.exitCode = verdicts.every(({ verdict }) => verdict !== 'failed') ? 0 : 1
}

function verdictOf({ tests }: Row): string {
  return tests.every((test) => resultOf(test) === true) ? 'held' : 'failed'
}

function complaint(test: NamedTest): string {
  return `     ${resultOf(test) === undefined ? 'not run' : 'failed'}: ${test.file} “${test.title}”`
}
