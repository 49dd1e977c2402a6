import { measureRooms } from './measure-rooms.js'
import { atLeast, ratio, type Workload } from './workload.js'

const TIMES_SOCKET_IO = 3
const MEMBERS = 10

/** Every member has one message on its way: ten in each room, sent in turn. */
export const manyRooms: Workload = {
  name: 'rooms-100x10',
  title: '100 rooms × 10, every member sends',
  unit: 'deliveries/s',
  asked: `≥ ${TIMES_SOCKET_IO} × Socket.IO`,
  contestants: ['roomcast', 'socketio', 'fastify-websocket', 'centrifugo'],
  isQuick: true,
  run: (context, contestant) =>
    measureRooms(context, contestant, {
      ...{ rooms: 100, members: MEMBERS, senders: 'members', pace: { inFlight: MEMBERS } }
    }),
  isMet: (of) => atLeast(ratio(of('roomcast'), of('socketio')), TIMES_SOCKET_IO)
}
