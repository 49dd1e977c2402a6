import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { ConfigError } from '../src/config.js'
import { loadRoomFamilies } from '../src/rooms-module.js'
import { moduleExtension } from './support/root.js'
import { startServer } from './support/server.js'
import { temporaryFolder } from './support/server-process.js'

const head = `import { defineRoom, Type } from ${JSON.stringify(new URL(`../src/app${moduleExtension}`, import.meta.url).href)}\n`

/** An ES module with this text below its imports; gone with the test. */
async function moduleOf(t: Test, text: string): Promise<string> {
  const file = path.join(await temporaryFolder(t), 'rooms.mjs')
  await writeFile(file, `${head}${text}`)
  return file
}

t.test('a settings module gives its families, by its path from the working directory', async (t) => {
  const file = await moduleOf(t, "export default [defineRoom('chat/:id'), defineRoom('lobby', { presence: 'off' })]")
  for (const way of [file, path.relative(process.cwd(), file)]) {
    const families = await loadRoomFamilies(way)
    t.match(families, [{ pattern: { text: 'chat/:id' } }, { pattern: { text: 'lobby' }, presence: 'off' }], way)
  }
})

t.test('families of an application come before those of its settings module', async (t) => {
  const file = await moduleOf(
    t,
    "export default [defineRoom('chat/:id', { presence: 'off' }), defineRoom(':any/:id', { presence: 'counts' })]"
  )
  const { defineRoom } = await import('../src/app.js')
  const server = await startServer(
    t,
    { ROOMS_MODULE: file },
    { rooms: [defineRoom('chat/lobby', { history: { size: 1 } })] }
  )
  const { roomFamilies } = server.app
  t.strictSame(
    ['chat/lobby', 'chat/1', 'event/1', 'lobby'].map((room) => roomFamilies.presenceIn(room)),
    ['list', 'off', 'counts', 'list']
  )
})

const bad: Record<string, [text: string, message: RegExp]> = {
  'exports nothing': ['export const rooms = []', /is not a list of what defineRoom gives/],
  'exports one family': ["export default defineRoom('lobby')", /is not a list of what defineRoom gives/],
  'exports something else': ["export default [{ pattern: 'lobby' }]", /is not a list of what defineRoom gives/],
  'is not JavaScript': ['export default [', /cannot be loaded: /],
  'imports what is not there': ["import 'no-such-package'\nexport default []", /cannot be loaded: .*no-such-package/],
  'throws something': ["throw 'nothing'", /cannot be loaded: nothing/],
  'fails with many words': ["throw new Error('first line\\nsecond line')", /cannot be loaded: first line$/],
  'defines what cannot be': ["export default [defineRoom('chat/*')]", /cannot be loaded: room family "chat\/\*": /],
  'matches the same rooms twice': [
    "export default [defineRoom('a/:b'), defineRoom('a/:c')]",
    /room family "a\/:c": "a\/:b" matches the same rooms/
  ]
}

for (const [kind, [text, message]] of Object.entries(bad)) {
  t.test(`a settings module that ${kind} is refused in one line that names the setting`, async (t) => {
    const file = await moduleOf(t, text)
    const error = await loadRoomFamilies(file).then(
      () => new Error('it was taken'),
      (refusal: unknown) => refusal
    )
    t.ok(error instanceof ConfigError)
    t.match(error, { message })
    t.match(error, { message: /^ROOMS_MODULE: [^\n]+$/ })
  })
}

t.test('a settings module that is not there, or is a folder, is refused in the same way', async (t) => {
  const folder = await temporaryFolder(t)
  await mkdir(path.join(folder, 'rooms'))
  await t.rejects(loadRoomFamilies(path.join(folder, 'rooms.js')), { message: /^ROOMS_MODULE: .* does not exist$/ })
  await t.rejects(loadRoomFamilies(path.join(folder, 'rooms')), { message: /^ROOMS_MODULE: .* cannot be loaded: / })
})
