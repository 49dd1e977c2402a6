import { measureRooms } from './measure-rooms.js'
import { atLeast, ratio, type Workload } from './workload.js'

interface OneRoom {
  readonly members: number
  readonly inFlight: number
  /** How often Roomcast is to hold Socket.IO. */
  readonly timesSocketIo: number
  /** Nor under the loop in C that joins its writes. */
  readonly notUnderC?: boolean
}

/** One room, one who publishes beside it, and so many messages that are on their way at a time. */
export function oneRoom({ members, inFlight, timesSocketIo, notUnderC = false }: OneRoom): Workload {
  return {
    name: `room-${members}-${inFlight}`,
    title: `one room × ${members.toLocaleString('en')}, ${inFlight} in flight`,
    unit: 'deliveries/s',
    asked: `≥ ${timesSocketIo} × Socket.IO${notUnderC ? ', not under the C loop' : ''}`,
    contestants: ['roomcast', 'socketio', 'fastify-websocket', 'centrifugo', 'c-write', 'c-joined-write'],
    isQuick: true,
    run: (context, contestant) =>
      measureRooms(context, contestant, { rooms: 1, members, senders: 'one', pace: { inFlight } }),
    isMet: (of) => {
      const isFast = atLeast(ratio(of('roomcast'), of('socketio')), timesSocketIo)
      const isNotUnder = notUnderC ? atLeast(ratio(of('roomcast'), of('c-joined-write')), 1) : true
      return isFast === false || isNotUnder === false ? false : isFast && isNotUnder
    }
  }
}
