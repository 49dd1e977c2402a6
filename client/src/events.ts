import type { RoomcastClientError } from './errors.js'
import type {
  Broadcast,
  ClientMessage,
  DirectMessage,
  GapEvent,
  GroupMessage,
  PresenceEvent,
  RemovedEvent,
  ResetEvent,
  RoomMessage,
  ServerMessage,
  Signal
} from './messages.js'

/**
 * `idle` before `connect` · `connecting` until the connection is open and all rooms are found again · `connected` ·
 * `waiting` for the next attempt · `closed` by `close`, or by the server for good. Only `connect` leaves `idle` and
 * `closed`.
 */
export type State = 'idle' | 'connecting' | 'connected' | 'waiting' | 'closed'

/** Why a connection ended. */
export interface ConnectionEnd {
  /** Close code; 1006 also where the server refused the handshake or was not there. */
  readonly code: number
  readonly reason: string
  /** Where the runtime tells one; browsers do not. */
  readonly error?: Error | undefined
}

export interface StateChange {
  readonly state: State
  readonly previous: State
  /** With `waiting` and `closed`. */
  readonly end?: ConnectionEnd | undefined
  /** With `waiting`, in milliseconds. */
  readonly retryInMs?: number | undefined
  /** With `connected`: the session of an earlier connection went on. */
  readonly resumed?: boolean | undefined
}

export interface ClientEvents {
  state: StateChange
  /** Of a room one has joined: each once, in the room's order. */
  message: RoomMessage
  /** Of the inbox: each once, in order; acknowledged when the listeners have run. */
  direct: DirectMessage
  /** Of a group: as `direct`. */
  group: GroupMessage
  signal: Signal
  presence: PresenceEvent
  gap: GapEvent
  reset: ResetEvent
  removed: RemovedEvent
  broadcast: Broadcast
  /** What no promise tells. */
  error: RoomcastClientError
  /** Every message as it came, before the filter: for tools that look at the wire. */
  received: ServerMessage
  /** Every message as it went out. */
  sent: ClientMessage
}
