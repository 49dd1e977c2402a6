/** All that an application sees of the package. */
export type { JoinRequest } from './channels.js'
export { type HistoryQuery, type PublishOptions, RoomcastClient } from './client.js'
export type { Clock } from './clock.js'
export { type ClientErrorCode, RoomcastClientError } from './errors.js'
export type { ClientEvents, ConnectionEnd, State, StateChange } from './events.js'
export { newId } from './ids.js'
export type {
  Broadcast,
  ChannelTag,
  ClientMessage,
  CursorAck,
  DirectAck,
  DirectMessage,
  GapEvent,
  GroupAck,
  GroupMessage,
  HistoryPage,
  JoinAck,
  MembersPage,
  OffsetRange,
  Position,
  PresenceEvent,
  PublishAck,
  RemovedEvent,
  ResetEvent,
  RoomMessage,
  ServerMessage,
  Signal
} from './messages.js'
export type { ClientOptions } from './options.js'
export type { Token } from './session.js'
export type { WebSocketConstructor, WebSocketLike } from './socket.js'
