import { compiled, compilerVersion } from '../processes/c-program.js'
import { startChild } from '../processes/child.js'
import type { Contestant } from './contestant.js'
import { listening } from './listening.js'

/** The kernel's limit: a loop of `write()` in C that knows one room and keeps nothing. `frames`: of one write, at most. */
export function cLoop(options: Pick<Contestant, 'name' | 'title'> & { readonly frames: number }): Contestant {
  return {
    ...options,
    wire: 'plain',
    tellsVitals: false,
    absence: () => (compilerVersion() === undefined ? 'no C compiler (cc) on Linux' : undefined),
    version: () => compilerVersion() ?? '',
    async start(scope, { cores }) {
      const command = [compiled('bench/peers/c-loop.c'), String(options.frames)]
      return await listening(await startChild(scope, { command, core: cores.server }))
    }
  }
}
