import { setTimeout as sleep } from 'node:timers/promises'

/** The health is answered within a second, whatever the store does (protocol.md, section 3); and some for the way. */
const ANSWER_MS = 1500
const PERIOD_MS = 25

/** Asks `/health/ready` until it says so; how long that took. Throws where it does not come in time, or no answer. */
export async function untilReady(url: string, ready: boolean, deadlineMs: number): Promise<number> {
  const begun = performance.now()
  for (;;) {
    const tookMs = performance.now() - begun
    if ((await isReady(url)) === ready) return tookMs
    if (tookMs > deadlineMs) throw new Error(`I12: ${ready ? 'not ready' : 'still ready'} after ${deadlineMs} ms`)
    await sleep(PERIOD_MS)
  }
}

async function isReady(url: string): Promise<boolean> {
  const { status } = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(ANSWER_MS) })
  return status === 200
}
