import { measureRooms } from './measure-rooms.js'
import { atMost, type Workload, type WorkloadContext } from './workload.js'

const MEMBERS = 1000
/** The saturation is taken from there. */
const SATURATED = 'room-1000-32'
/** Deliveries a second where this bench has not measured Socket.IO's saturation: about half of it on two cores. */
const ASSUMED = 25_000

/** Every delivery is looked at, at a rate that Socket.IO carries with ease; from the send to the member. */
export const latency: Workload = {
  name: 'latency',
  title: "latency p99, one room × 1,000, at half of Socket.IO's saturation",
  unit: 'ms',
  asked: "p50 and p99 not above Socket.IO's",
  contestants: ['roomcast', 'socketio', 'fastify-websocket', 'centrifugo'],
  isQuick: true,
  percentile: 99,
  async run(context, contestant) {
    const deliveriesPerSecond = halfOfSocketIo(context)
    const measured = await measureRooms(context, contestant, {
      ...{ rooms: 1, members: MEMBERS, senders: 'one', sampled: MEMBERS },
      pace: { perSecond: deliveriesPerSecond / MEMBERS }
    })
    return { ...measured, value: Number.NaN, more: { ...measured.more, deliveriesPerSecond: measured.value } }
  },
  isMet: (of) => {
    const [ours, theirs] = [of('roomcast'), of('socketio')]
    if (ours === undefined || theirs === undefined) return undefined
    return atMost(ours.p50, theirs.p50 ?? 0) === true && atMost(ours.p99, theirs.p99 ?? 0) === true
  }
}

function halfOfSocketIo({ rateOf }: WorkloadContext): number {
  const saturated = rateOf(SATURATED, 'socketio')
  return saturated === undefined ? ASSUMED : saturated / 2
}
