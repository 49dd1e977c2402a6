import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Where processes are to run: cores by their numbers, or nothing where they cannot be pinned. */
export interface Cores {
  readonly server: number | undefined
  /** One for each process of a load that can be divided. */
  readonly loads: readonly number[]
  /** For what stands beside the server, such as Redis; the load's, unless there is a third. */
  readonly store: number | undefined
}

const LOADS_MAX = 3

/** A core for each where the system has `taskset` and two of them. */
export function chooseCores(): Cores {
  return shareCores(hasTaskset() ? allowedCores() : [])
}

/** The first for the server, the last for the store, those between for the load. */
export function shareCores(cores: readonly number[]): Cores {
  const [server, ...others] = cores
  if (others.length === 0) return { server: undefined, loads: [], store: undefined }
  const loads = others.slice(0, Math.max(1, others.length - 1)).slice(0, LOADS_MAX)
  return { server, loads, store: others.at(-1) }
}

/** A command that runs another on this core. */
export function onCore(core: number | undefined, command: readonly string[]): readonly string[] {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command]
}

/** Moves all threads of a process that runs already. */
export function moveToCore(core: number | undefined, pid: number | undefined): void {
  if (core !== undefined && pid !== undefined) spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)])
}

function hasTaskset(): boolean {
  return spawnSync('taskset', ['--version']).error === undefined
}

/** What this process may use, such as `0-1,4`. */
function allowedCores(): number[] {
  const status = readFileSync('/proc/self/status', 'utf8')
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(status) ?? []
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}
