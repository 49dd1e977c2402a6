// Checks the types of everything and compiles it into build/, where `npm test` runs it: a test that has its sources
// compiled as it loads them takes half as long again.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = path.join(root, 'build')
const assets = ['src/page/index.html']

// What was removed from the sources is not to be run, and no earlier run to be told of.
for (const old of [folder, path.join(root, '.tap/test-results')]) rmSync(old, { recursive: true, force: true })
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const options = ['--outDir', folder, '--declaration', 'false']
const { status } = spawnSync(process.execPath, [compiler, ...options], { cwd: root, stdio: 'inherit' })
process.exitCode = status ?? 1
for (const asset of assets) {
  mkdirSync(path.dirname(path.join(folder, asset)), { recursive: true })
  cpSync(path.join(root, asset), path.join(folder, asset))
}
