import assert from 'node:assert'
import { DriverScope } from '../../support/scope.js'
import { Rig } from './rig.js'
import type { FaultRow, Seen } from './row.js'

export interface RowResult {
  readonly row: FaultRow
  readonly tookMs: number
  /** Undefined where an invariant broke. */
  readonly seen: Seen | undefined
  /** Why it is broken. */
  readonly broken: string | undefined
}

const DEADLINE_MS = 120_000

/** Runs one row and ends everything that it started. Never rejects. */
export async function runRow(row: FaultRow, seed: number): Promise<RowResult> {
  const begun = performance.now()
  const scope = new DriverScope()
  let seen: Seen | undefined
  let broken: string | undefined
  try {
    seen = await judge(row, new Rig(scope, seed))
  } catch (error) {
    broken = error instanceof assert.AssertionError ? error.message : ((error as Error).stack ?? String(error))
  }
  await scope.end()
  return { row, seen, broken, tookMs: performance.now() - begun }
}

async function judge(row: FaultRow, rig: Rig): Promise<Seen> {
  const deadlineMs = row.deadlineMs ?? DEADLINE_MS
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`I9: not over after ${deadlineMs} ms`)), deadlineMs)
  })
  try {
    const seen = await Promise.race([row.run(rig), deadline])
    assert.deepEqual(rig.crashes, [])
    return seen
  } finally {
    clearTimeout(timer)
  }
}
