// Checks the types of everything and compiles it into build/, where `npm test` runs it: a test that has its sources
// compiled as it loads them takes half as long again. Beside it the server is built that tests start as a process: each
// of those that find none begins to build it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = path.join(root, 'build')
const assets = ['src/page/index.html']

// What was removed from the sources is not to be run.
rmSync(folder, { recursive: true, force: true })
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const options = ['--outDir', folder, '--declaration', 'false']
const codes = await Promise.all([run(compiler, ...options), run('src/build.mjs')])
process.exitCode = codes.find((code) => code !== 0) ?? 0
for (const asset of assets) {
  mkdirSync(path.dirname(path.join(folder, asset)), { recursive: true })
  cpSync(path.join(root, asset), path.join(folder, asset))
}

async function run(...program) {
  const [code] = await once(spawn(process.execPath, program, { cwd: root, stdio: 'inherit' }), 'exit')
  return code ?? 1
}
