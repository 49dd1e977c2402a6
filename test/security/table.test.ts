import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { root } from '../support/root.js'
import { isThere, readRows } from './table.js'

const rows = readRows()

t.test('every item of the checklist has its row', async (t) => {
  t.strictSame(
    rows.map(({ id }) => id),
    Array.from({ length: 45 }, (_, index) => `S${index + 1}`)
  )
})

t.test('every row names a test, and every test that is named is there', async (t) => {
  for (const { id, tests } of rows) {
    t.ok(tests.length > 0, id)
    for (const named of tests) t.ok(isThere(named), `${id}: ${named.file} “${named.title}”`)
  }
})

t.test('every command that the document names is one of the project, and every file is there', async (t) => {
  const text = readFileSync(path.join(root, 'docs/security.md'), 'utf8')
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  for (const [, script = ''] of text.matchAll(/`npm run ([\w:-]+)/g)) t.ok(script in scripts, script)
  for (const [, file = ''] of text.matchAll(/\]\(([\w./-]+)\)/g))
    t.doesNotThrow(() => readFileSync(path.join(root, 'docs', file)), file)
})
