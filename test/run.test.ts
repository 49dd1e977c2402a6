import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { root } from './support/root.js'
import { temporaryFolder } from './support/server-process.js'

const importTap = `import t from '${import.meta.resolve('tap')}'`
const holds = `${importTap}\nt.test('holds', async (t) => t.ok(true))`

async function runFiles(t: Parameters<typeof temporaryFolder>[0], files: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder(t)
  await mkdir(path.join(folder, 'inner'))
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }')
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, `${name}.test.js`), text)
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(root, 'test/run.mjs'), folder], {
    encoding: 'utf8'
  })
  return { status, stdout, stderr }
}

t.test('files that hold pass, in folders too', async (t) => {
  const { status, stdout, stderr } = await runFiles(t, { one: holds, 'inner/two': holds })
  t.equal(status, 0, stderr)
  t.match(stdout, /^ok one\.test\.js .*\n/m)
  t.match(stdout, /^ok inner\/two\.test\.js .*\n/m)
  t.match(stdout, '2 files, 0 failed, 2 assertions')
})

const failing = {
  'an assertion fails': [`${importTap}\nt.test('fails', async (t) => t.equal(1, 2, 'one is two'))`, 'one is two'],
  'an error that nobody caught ends it': [
    `${importTap}\nt.test('dies', async () => await new Promise(() => setTimeout(() => { throw new Error('boom') })))`,
    'Error: boom'
  ],
  'a promise is rejected that nobody looks at': [
    `${importTap}\nt.test('lost', async () => void Promise.reject(new Error('lost')))`,
    'lost'
  ],
  'a test never ends': [`${importTap}\nt.test('waits', async () => await new Promise(() => {}))`, 'test unfinished'],
  'its time is over': [
    `${importTap}\nt.test('hangs', { timeout: 50 }, async () => await new Promise((end) => setTimeout(end, 2000)))`,
    'timeout!'
  ],
  'it ran nothing': ['', '.test.js: ended with 0'],
  'it is killed': ["process.kill(process.pid, 'SIGKILL')", 'ended with SIGKILL']
} as const satisfies Record<string, readonly [string, string]>

t.test('a file has failed, and is told of at the end, where', async (t) => {
  const texts = Object.values(failing).map(([text], index) => [`failing-${index}`, text] as const)
  const { status, stdout, stderr } = await runFiles(t, { ...Object.fromEntries(texts), holds })
  t.equal(status, 1)
  t.match(stdout, /^ok holds\.test\.js/m)
  t.match(stdout, `${texts.length + 1} files, ${texts.length} failed`)
  for (const [index, [title, [, reason]]] of Object.entries(failing).entries()) {
    t.match(stdout, new RegExp(`^not ok failing-${index}\\.test\\.js`, 'm'), title)
    t.match(stderr, reason, title)
  }
})

t.test('a folder without tests has failed', async (t) => {
  const { status, stderr } = await runFiles(t, {})
  t.equal(status, 1)
  t.match(stderr, 'no tests in')
})
