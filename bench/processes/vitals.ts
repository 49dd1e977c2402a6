import { once } from 'node:events'
import path from 'node:path'
import { root } from '../../test/support/root.js'
import type { Child } from './child.js'

/** Of a Node process that was started with `vitalsOptions`. */
export interface Vitals {
  /** Since the last reset: time in the garbage collector. */
  readonly gcMs: number
  /** Since the last reset: how late the event loop was, at its 99th percentile. */
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
  /** After a forced collection. */
  readonly rssBytes: number
}

const READ_TIMEOUT_MS = 20_000

/** Options of `node`. */
export const vitalsOptions = ['--expose-gc', `--import=${path.join(root, 'bench/hooks/vitals.mjs')}`]

export function resetVitals({ process: child }: Child): void {
  child.send('reset')
}

/** Rejects where the process does not answer in time. */
export async function readVitals({ process: child }: Child): Promise<Vitals> {
  child.send('read')
  const [message] = await once(child, 'message', { signal: AbortSignal.timeout(READ_TIMEOUT_MS) })
  return message.vitals
}
