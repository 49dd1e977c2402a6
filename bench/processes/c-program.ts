import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { root } from '../../test/support/root.js'

const BUILD = path.join(root, 'bench/peers/build')

/** First line of what `cc` says of itself; undefined where there is none, or no Linux: the programs need its epoll. */
export function compilerVersion(): string | undefined {
  if (process.platform !== 'linux') return undefined
  const { stdout, status } = spawnSync('cc', ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n')[0] : undefined
}

/** Builds a source, by its path from the project's folder, unless that was done. Returns the program's path. */
export function compiled(source: string): string {
  const from = path.join(root, source)
  const program = path.join(BUILD, path.basename(source, '.c'))
  if (isNewer(program, from)) return program
  mkdirSync(BUILD, { recursive: true })
  const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, from], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cc: ${stderr}`)
  return program
}

function isNewer(program: string, source: string): boolean {
  const built = statSync(program, { throwIfNoEntry: false })
  return built !== undefined && built.mtimeMs > statSync(source).mtimeMs
}
