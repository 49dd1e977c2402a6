import type { Contestant } from '../contestants/contestant.js'
import { delay } from '../load/delay.js'
import { readVitals } from '../processes/vitals.js'
import { holdIdle } from './hold-idle.js'
import { atMost, type Measurement, type Workload, type WorkloadContext } from './workload.js'

const KB_MAX = 10
/** Up to there the server warms up: compiled code and buffers are no matter of a connection. */
const WARM = 2000
const ALL = 10_000
const SETTLE_MS = 3000

/** What the connections from the 2,001st to the 10,000th add to the resident memory, after a forced collection. */
export const idleMemory: Workload = {
  name: 'idle-memory',
  title: 'memory of an idle connection, joined, with its session (RSS)',
  unit: 'KB',
  asked: `≤ ${KB_MAX} KB`,
  contestants: ['roomcast', 'socketio', 'fastify-websocket'],
  isQuick: false,
  run: (context, contestant) => measureIdleMemory(context, contestant, { warm: WARM, all: ALL }),
  isMet: (of) => atMost(of('roomcast')?.value, KB_MAX)
}

/** The value is kilobytes a connection, of those after the first `warm`. */
export async function measureIdleMemory(
  context: WorkloadContext,
  contestant: Contestant,
  { warm, all }: { warm: number; all: number }
): Promise<Measurement> {
  const rss: number[] = []
  const held = await holdIdle(context, contestant, [warm, all], async ({ child }) => {
    await delay(SETTLE_MS)
    rss.push((await readVitals(child)).rssBytes)
  })
  const [before = Number.NaN, after = Number.NaN] = rss
  return { ...held, value: (after - before) / (all - warm) / 1024, more: { rssMegabytes: after / 2 ** 20 } }
}
