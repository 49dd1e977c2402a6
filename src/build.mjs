// Compiles the server into dist/, only where that is missing or older than the sources (or with --force).
// Two of these side by side do not harm each other: each builds in a folder of its own, which is then renamed.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = path.join(root, 'dist')
const stamp = '.built'
const sources = ['src', 'plugins', 'routes', 'client/src', 'package.json', 'tsconfig.json', 'tsconfig.build.json']
const assets = ['src/page/index.html']

if (process.argv.includes('--force') || !isFresh()) build()

function isFresh() {
  const built = path.join(dist, stamp)
  return existsSync(built) && statSync(built).mtimeMs >= newest(sources.map((source) => path.join(root, source)))
}

/** The latest change below these paths. Folders count: removing a file changes its folder. */
function newest(paths) {
  return Math.max(
    0,
    ...paths.filter(existsSync).map((item) => {
      const stats = statSync(item)
      if (!stats.isDirectory()) return stats.mtimeMs
      return Math.max(stats.mtimeMs, newest(readdirSync(item).map((name) => path.join(item, name))))
    })
  )
}

function build() {
  const begun = new Date()
  const fresh = path.join(root, `dist.${process.pid}`)
  process.stderr.write('roomcast: building ...\n')
  try {
    compile(fresh)
    for (const asset of assets) copy(asset, fresh)
    writeFileSync(path.join(fresh, stamp), '')
    // What changes while this builds is newer than the build.
    utimesSync(path.join(fresh, stamp), begun, begun)
    install(fresh)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function compile(folder) {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', folder], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit']
  })
  if (status !== 0) {
    rmSync(folder, { recursive: true, force: true })
    process.exit(1)
  }
}

function copy(asset, folder) {
  const target = path.join(folder, asset)
  mkdirSync(path.dirname(target), { recursive: true })
  cpSync(path.join(root, asset), target)
}

function install(folder) {
  // Another start may have built the same meanwhile, and may run from it already.
  if (!process.argv.includes('--force') && isFresh()) return
  const old = path.join(root, `dist.${process.pid}.old`)
  try {
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(folder, dist)
  } catch (error) {
    // The other was faster by a hair: what stands there now is as good.
    if (!isFresh()) throw error
  } finally {
    rmSync(old, { recursive: true, force: true })
  }
}
