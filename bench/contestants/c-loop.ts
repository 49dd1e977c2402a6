import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { root } from '../../test/support/root.js'
import { startChild } from '../processes/child.js'
import type { Contestant } from './contestant.js'
import { listening } from './listening.js'

const source = path.join(root, 'bench/peers/c-loop.c')
const program = path.join(root, 'bench/peers/build/c-loop')

/** The kernel's limit: a loop of `write()` in C that knows one room and keeps nothing. `frames`: of one write, at most. */
export function cLoop(options: Pick<Contestant, 'name' | 'title'> & { readonly frames: number }): Contestant {
  return {
    ...options,
    wire: 'plain',
    tellsVitals: false,
    absence: () => (compilerVersion() === undefined ? 'no C compiler (cc)' : undefined),
    version: () => compilerVersion() ?? '',
    async start(scope, { cores }) {
      compile()
      return await listening(
        await startChild(scope, { command: [program, String(options.frames)], core: cores.server })
      )
    }
  }
}

function compilerVersion(): string | undefined {
  const { stdout, status } = spawnSync('cc', ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n')[0] : undefined
}

function compile(): void {
  mkdirSync(path.dirname(program), { recursive: true })
  const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, source], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cc: ${stderr}`)
}
