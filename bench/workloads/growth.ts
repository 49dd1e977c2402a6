import { measureRooms } from './measure-rooms.js'
import type { Workload } from './workload.js'

const IN_FLIGHT = 32
const SMALL = `room-1000-${IN_FLIGHT}`
const SHARE_MIN = 0.8
const DELAY_MS_MAX = 50

/** The room of 1,000 with ten times as many members. */
export const growth: Workload = {
  name: 'growth',
  title: `one room × 10,000, ${IN_FLIGHT} in flight`,
  unit: 'deliveries/s',
  asked: `≥ ${SHARE_MIN * 100} % of that at 1,000; event-loop delay p99 < ${DELAY_MS_MAX} ms`,
  contestants: ['roomcast', 'socketio'],
  isQuick: false,
  run: (context, contestant) =>
    measureRooms(context, contestant, { rooms: 1, members: 10_000, senders: 'one', pace: { inFlight: IN_FLIGHT } }),
  isMet: (of, all) => {
    const [large, small] = [of('roomcast'), all(SMALL, 'roomcast')]
    if (large === undefined || small === undefined) return undefined
    return large.value >= small.value * SHARE_MIN && (large.more.loopDelayP99Ms ?? Number.NaN) < DELAY_MS_MAX
  }
}
