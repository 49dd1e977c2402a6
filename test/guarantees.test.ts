import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { root } from './support/root.js'

const text = readFileSync(path.join(root, 'docs/guarantees.md'), 'utf8')

t.test('every test that a guarantee names is there', async (t) => {
  const named = [...new Set([...text.matchAll(/`(test\/[\w./-]+\.ts)`/g)].map(([, file]) => file as string))]
  t.ok(named.length > 20)
  for (const file of named) t.ok(existsSync(path.join(root, file)), file)
})

t.test('every guarantee names a test, and every command is one of the project', async (t) => {
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && !/^\| (---|promised)/.test(line))
  t.ok(rows.length > 20)
  for (const row of rows) t.match(row, /`test\/[\w./-]+\.ts`/, row.slice(0, 60))
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  for (const [, script = ''] of text.matchAll(/`npm run ([\w:-]+)/g)) t.ok(script in scripts, script)
})

t.test('the promise is the same as the README’s', async (t) => {
  const quote = (markdown: string) => /^> per channel[\s\S]*?(?=\n\n)/m.exec(markdown)?.[0]
  const promise = quote(text)
  t.match(promise, /every acknowledged message/)
  t.equal(quote(readFileSync(path.join(root, 'README.md'), 'utf8')), promise)
})
