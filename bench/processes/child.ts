import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { root } from '../../test/support/root.js'
import type { Scope } from '../../test/support/scope.js'
import { onCore } from './cores.js'

const OUTPUT_CHARACTERS_MAX = 100_000

export interface ChildOptions {
  readonly command: readonly string[]
  readonly core?: number | undefined
  readonly env?: Readonly<Record<string, string>>
}

export interface Child {
  readonly process: ChildProcess
  readonly pid: number
  /** The last of what it wrote. */
  output(): string
}

/** Of servers with the hook, where that is wanted: `BENCH_PROFILES` names a folder. */
const { BENCH_PROFILES } = process.env
const profiles = BENCH_PROFILES === undefined ? undefined : { BENCH_PROFILES }

/** A process that is killed with its scope, and has a channel to this one. Rejects where it cannot be started. */
export async function startChild(scope: Scope, { command, core, env = {} }: ChildOptions): Promise<Child> {
  const [program = '', ...rest] = onCore(core, command)
  const child = spawn(program, rest, {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', ...profiles, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  scope.teardown(() => end(child))
  await once(child, 'spawn')
  // A child that just ended is told by its exit, not by a message that it does not get.
  child.on('error', () => {})
  let output = ''
  const collect = (text: Buffer) => {
    output = (output + text).slice(-OUTPUT_CHARACTERS_MAX)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  return { process: child, pid: child.pid ?? 0, output: () => output }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
