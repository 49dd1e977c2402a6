import { spawnSync } from 'node:child_process'
import os from 'node:os'
import { root } from '../../test/support/root.js'

const sources = ['src', 'plugins', 'routes']

/** Where and what was measured. */
export interface Machine {
  readonly processors: number
  readonly model: string
  readonly memoryGigabytes: number
  readonly system: string
  readonly node: string
  /** The last that changed the server; with a `+` where files differ from it. */
  readonly commit: string
  /** Whether processes had cores of their own. */
  readonly isPinned: boolean
}

export function describeMachine(isPinned: boolean): Machine {
  const processors = os.cpus()
  return {
    processors: processors.length,
    model: processors[0]?.model.trim() ?? 'unknown',
    memoryGigabytes: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release().split('.').slice(0, 2).join('.')}`,
    node: process.versions.node,
    commit: commit(),
    isPinned
  }
}

function commit(): string {
  const last = git('log', '-1', '--format=%h', '--', ...sources)
  if (last === '') return 'unknown'
  return git('status', '--porcelain', '--', ...sources) === '' ? last : `${last}+`
}

function git(...options: string[]): string {
  const { stdout, status } = spawnSync('git', options, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : ''
}
