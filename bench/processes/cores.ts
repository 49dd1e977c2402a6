import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Where processes are to run: cores by their numbers, or nothing where they cannot be pinned. */
export interface Cores {
  readonly server: number | undefined
  /** Also for what stands beside the server, such as Redis, unless there is a third. */
  readonly load: number | undefined
  readonly store: number | undefined
}

/** A core for each where the system has `taskset` and two of them. */
export function chooseCores(): Cores {
  const [server, load, store = load] = hasTaskset() ? allowedCores() : []
  return load === undefined ? { server: undefined, load: undefined, store: undefined } : { server, load, store }
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
