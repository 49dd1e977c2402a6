import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { root } from '../../test/support/root.js'
import type { Workload } from '../workloads/workload.js'
import type { Results } from './results.js'
import { summarizeAll } from './results.js'

const folder = path.join(root, 'bench/results')
const latest = path.join(folder, 'latest.json')

/** One file for each bench, named after its start; written after each run. */
export async function keepResults(all: readonly Workload[], results: Results): Promise<void> {
  await writeJson(path.join(folder, `${results.startedAt.replaceAll(':', '-')}.json`), all, results)
}

/** What the documents show. A part joins what was measured before on the same machine and of the same commit. */
export async function keepLatest(all: readonly Workload[], results: Results): Promise<Results> {
  const joined = joinResults(await readLatest(), results)
  await writeJson(latest, all, joined)
  return joined
}

/** Workloads of the newer one replace those of the older. */
export function joinResults(older: Results | undefined, newer: Results): Results {
  if (older === undefined || !isDeepStrictEqual(older.machine, newer.machine)) return newer
  return {
    ...newer,
    commands: [...new Set([...older.commands, ...newer.commands])],
    loadAverage: Math.max(older.loadAverage, newer.loadAverage),
    versions: { ...older.versions, ...newer.versions },
    absent: { ...older.absent, ...newer.absent },
    runs: { ...older.runs, ...newer.runs }
  }
}

async function readLatest(): Promise<Results | undefined> {
  try {
    return JSON.parse(await readFile(latest, 'utf8'))
  } catch {
    return undefined
  }
}

/** The summaries are for readers: nothing reads them back. */
async function writeJson(file: string, all: readonly Workload[], results: Results): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(file, `${JSON.stringify({ summaries: summarizeAll(all, results), ...results }, null, 1)}\n`)
}
