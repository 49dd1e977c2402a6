import { delay } from '../load/delay.js'
import { processorSeconds } from '../load/processor-time.js'
import { readVitals } from '../processes/vitals.js'
import { holdIdle } from './hold-idle.js'
import { atMost, type Workload } from './workload.js'

const PERCENT_MAX = 3
const CONNECTIONS = 10_000
/** A whole round of pings; what V8 compiles in the first one it does not compile again. */
const ROUND_MS = 20_000

/** Nobody says anything but pings and pongs. */
export const idleCpu: Workload = {
  name: 'idle-cpu',
  title: 'CPU of 10,000 idle connections',
  unit: '% of a core',
  asked: `≤ ${PERCENT_MAX} % of a core`,
  contestants: ['roomcast', 'socketio', 'fastify-websocket'],
  isQuick: false,
  async run(context, contestant) {
    let percent = Number.NaN
    const held = await holdIdle(context, contestant, [CONNECTIONS], async ({ child }) => {
      await delay(ROUND_MS)
      // What the joins left to be collected is no matter of being idle.
      await readVitals(child)
      const before = await processorSeconds(child.pid)
      await delay(ROUND_MS)
      percent = (((await processorSeconds(child.pid)) - before) / (ROUND_MS / 1000)) * 100
    })
    return { ...held, value: percent }
  },
  isMet: (of) => atMost(of('roomcast')?.value, PERCENT_MAX)
}
