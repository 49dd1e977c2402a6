import { delay } from '../load/delay.js'
import { readVitals } from '../processes/vitals.js'
import { holdIdle } from './hold-idle.js'
import { atMost, type Workload } from './workload.js'

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
  async run(context, contestant) {
    const rss: number[] = []
    const held = await holdIdle(context, contestant, [WARM, ALL], async ({ child }) => {
      await delay(SETTLE_MS)
      rss.push((await readVitals(child)).rssBytes)
    })
    const [warm = Number.NaN, all = Number.NaN] = rss
    return { ...held, value: (all - warm) / (ALL - WARM) / 1024, more: { rssMegabytes: all / 2 ** 20 } }
  },
  isMet: (of) => atMost(of('roomcast')?.value, KB_MAX)
}
