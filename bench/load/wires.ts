import type { Mark } from './frame-reader.js'

/** What a client of the bench is: in which room, under which name. */
export interface Seat {
  readonly room: string
  readonly user: string
}

/** When the server's text contains `heard`, the client says `say`; after the last it is in the room. */
export interface Step {
  readonly heard: string
  readonly say?: string
}

/** How one speaks with a server over WebSocket. */
export interface Wire {
  readonly path: string
  readonly mark: Mark
  readonly lines?: boolean
  /** What opens a conversation; without a seat for one who only publishes. */
  opening(seat?: Seat): { readonly say?: string; readonly steps: readonly Step[] }
  /** `content` stands in the message as it is: it needs no escapes. */
  publish(from: Seat, content: string): string
  /** Of the application: a text, and what it wants to hear. */
  readonly ping?: { readonly text: string; readonly answer: string }
}

const json = JSON.stringify
/** `{"type":"chat_message"` against `{"type":"system"` and `{"type":"ack"`. */
const typeMark: Mark = { index: 9, byte: 'c'.charCodeAt(0) }

function join({ room, user }: Seat): string {
  return json({ type: 'join_room', id: 'j', room, user_id: user })
}

const roomcast: Wire = {
  path: '/ws',
  mark: typeMark,
  opening: (seat) => ({
    steps: [
      { heard: '"connected"', ...(seat !== undefined && { say: join(seat) }) },
      ...(seat === undefined ? [] : [{ heard: '"type":"ack"' }])
    ]
  }),
  publish: ({ room, user }, content) => json({ type: 'chat_message', room, user_id: user, content })
}

const socketio: Wire = {
  path: '/socket.io/?EIO=4&transport=websocket',
  /** `42`: a packet of Engine.IO that holds an event of Socket.IO. */
  mark: { index: 1, byte: '2'.charCodeAt(0) },
  opening: (seat) => ({
    steps: [
      { heard: '0{', say: '40' },
      { heard: '40{', ...(seat !== undefined && { say: `420${json(['join', seat.room])}` }) },
      ...(seat === undefined ? [] : [{ heard: '430' }])
    ]
  }),
  publish: ({ room, user }, content) =>
    `42${json(['publish', { type: 'chat_message', room, user_id: user, content }])}`,
  ping: { text: '2', answer: '3' }
}

const plain: Wire = {
  path: '/ws',
  mark: typeMark,
  opening: (seat) =>
    seat === undefined
      ? { steps: [] }
      : { say: json({ type: 'join', room: seat.room }), steps: [{ heard: '"joined"' }] },
  publish: ({ room, user }, content) => json({ type: 'chat_message', room, user_id: user, content })
}

const centrifugo: Wire = {
  path: '/connection/websocket',
  /** `{"push":` against `{"id":`, `{"connect":` and the empty ping. */
  mark: { index: 2, byte: 'p'.charCodeAt(0) },
  lines: true,
  opening: (seat) => ({
    say: json({ id: 1, connect: {} }),
    steps: [
      { heard: '"connect"', ...(seat !== undefined && { say: json({ id: 2, subscribe: { channel: seat.room } }) }) },
      ...(seat === undefined ? [] : [{ heard: '"id":2' }])
    ]
  }),
  publish: ({ room, user }, content) => json({ id: 3, publish: { channel: room, data: { user_id: user, content } } }),
  ping: { text: '{}', answer: '{}' }
}

export const wires = { roomcast, socketio, plain, centrifugo } as const
export type WireName = keyof typeof wires
