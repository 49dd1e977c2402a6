import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { moduleExtension, moduleRunner } from '../../test/support/root.js'
import type { Scope } from '../../test/support/scope.js'
import type { Job, LoadMessage, Reports } from '../load/jobs.js'
import { startChild } from './child.js'

const worker = fileURLToPath(new URL(`../load/worker${moduleExtension}`, import.meta.url))

export interface LoadOptions<J extends Job> {
  readonly job: J
  readonly core: number | undefined
  readonly timeoutMs: number
  /** A phase begins; those that wait go on when this resolves. */
  onPhase?(phase: string): unknown
}

/** Runs a load in a process of its own, to its report. Rejects where it fails or takes too long. */
export async function runLoad<J extends Job>(scope: Scope, options: LoadOptions<J>): Promise<Reports[J['job']]> {
  const { job, core, timeoutMs, onPhase } = options
  const child = await startChild(scope, { command: [process.execPath, ...moduleRunner, worker], core })
  const report = new Promise<Reports[J['job']]>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`the load: ${why}`))
    child.process.once('exit', () => fail(`ended: ${child.output()}`))
    child.process.on('message', (message: LoadMessage) => {
      if ('failure' in message) fail(message.failure)
      else if ('report' in message) resolve(message.report as Reports[J['job']])
      else Promise.resolve(onPhase?.(message.phase)).then(() => child.process.send('go'), reject)
    })
  })
  child.process.send(job)
  return await inTime(report, timeoutMs)
}

async function inTime<T>(report: Promise<T>, timeoutMs: number): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs)
  const late = once(signal, 'abort').then(() => Promise.reject(new Error(`the load took over ${timeoutMs / 1000} s`)))
  return await Promise.race([report, late])
}
