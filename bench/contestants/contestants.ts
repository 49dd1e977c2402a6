import { cLoop } from './c-loop.js'
import { centrifugo } from './centrifugo.js'
import type { Contestant, ContestantName } from './contestant.js'
import { nodePeer } from './node-peer.js'
import { roomcast, roomcastDeflate } from './roomcast.js'

export const contestants: Readonly<Record<ContestantName, Contestant>> = {
  roomcast,
  'roomcast-deflate': roomcastDeflate,
  socketio: nodePeer({
    name: 'socketio',
    title: 'Socket.IO',
    wire: 'socketio',
    program: 'socketio.mjs',
    package: 'socket.io'
  }),
  'fastify-websocket': nodePeer({
    name: 'fastify-websocket',
    title: '@fastify/websocket',
    wire: 'plain',
    program: 'fastify-websocket.mjs',
    package: '@fastify/websocket'
  }),
  centrifugo,
  'c-write': cLoop({ name: 'c-write', title: 'C, a write a message', frames: 1 }),
  'c-joined-write': cLoop({ name: 'c-joined-write', title: 'C, 32 frames a write', frames: 32 })
}
