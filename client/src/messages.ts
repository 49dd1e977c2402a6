/** Wire types (protocol.md 2): fields are named as on the wire. Timestamps are ISO 8601 in UTC. */

/** A place in a channel: `offset` counts 1, 2, 3 …; `epoch` names one unbroken history. */
export interface Position {
  readonly epoch: string
  readonly offset: number
  readonly message_id?: string
}

/** Both ends included. */
export interface OffsetRange {
  readonly from: number
  readonly to: number
}

/** Exactly one of the three. */
export type ChannelTag =
  | { readonly room: string; readonly group?: undefined; readonly inbox?: undefined }
  | { readonly room?: undefined; readonly group: string; readonly inbox?: undefined }
  | { readonly room?: undefined; readonly group?: undefined; readonly inbox: true }

interface Stored extends Required<Position> {
  readonly content: unknown
  readonly timestamp: string
}

/** A message of a room. `type` is `chat_message`, or one that the server's application has defined. */
export interface RoomMessage extends Stored {
  readonly type: string
  readonly room: string
  /** Null where a backend published it without a user. */
  readonly user_id: string | null
}

/** A message of one's inbox. */
export interface DirectMessage extends Stored {
  readonly type: 'direct_message'
  readonly from: string | null
  readonly to: string
}

export interface GroupMessage extends Stored {
  readonly type: 'group_message'
  readonly group: string
  readonly from: string | null
}

export interface Signal {
  readonly type: 'signal'
  readonly room: string
  readonly content: unknown
  readonly user_id: string
  readonly timestamp: string
}

export interface Broadcast {
  readonly type: 'broadcast'
  readonly content: unknown
  readonly message_id: string
  readonly timestamp: string
}

/** `online_count` counts the users of the room, over all nodes. */
export type PresenceEvent =
  | {
      readonly action: 'user_joined' | 'user_left'
      readonly room: string
      readonly user_id: string
      readonly online_count: number
      readonly timestamp: string
    }
  | {
      readonly action: 'online_count'
      readonly room: string
      readonly online_count: number
      readonly joined: number
      readonly left: number
      readonly timestamp: string
    }

/** These messages are gone for good; what came later follows. */
export type GapEvent = ChannelTag & OffsetRange & { readonly epoch: string }

/** What was seen beyond `offset` is void; what the channel has beyond it follows. */
export type ResetEvent = ChannelTag & { readonly epoch: string; readonly offset: number }

/** One is no longer in a room or group. */
export interface RemovedEvent {
  readonly room?: string
  readonly group?: string
  /**
   * `kicked`, `rights` or `left_group`; after a drop `removed` where the session has lost the room, or the code of the
   * error that joining it again was answered with.
   */
  readonly reason: string
}

export type Recovered = 'none' | 'full' | 'gap' | 'reset'

export interface RoomState {
  readonly epoch: string
  /** The newest message at that moment; 0 for none. */
  readonly offset: number
  readonly online_count: number
  /** How what follows joins on to what was asked. */
  readonly recovered: Recovered
  readonly gap?: OffsetRange
}

export interface JoinAck extends RoomState {
  readonly room: string
}

export interface ResumeAck {
  readonly session_id: string
  readonly resume_token: string
  readonly rooms: Readonly<Record<string, RoomState>>
  readonly removed: readonly string[]
}

interface StoredAck {
  readonly message_id: string
  readonly timestamp: string
  /** It was stored before: by an earlier attempt, or by somebody else under the same id. */
  readonly duplicate: boolean
  readonly durable: 'memory' | 'disk' | 'redis' | 'replicated'
}

export interface PublishAck extends StoredAck {
  readonly room: string
  readonly epoch: string
  readonly offset: number
}

export interface DirectAck extends StoredAck {
  readonly to: string
  /** Connections of the recipient, where one may know. */
  readonly online?: number
}

export interface GroupAck extends StoredAck {
  readonly group: string
  readonly epoch: string
  readonly offset: number
}

export interface HistoryPage<M = RoomMessage> {
  readonly epoch: string | null
  readonly offset: number
  /** Oldest first. */
  readonly messages: readonly M[]
  readonly has_more: boolean
}

export interface MembersPage {
  readonly room: string
  readonly online_count: number
  readonly members: ReadonlyArray<{
    readonly user_id: string
    readonly connections: number
    readonly joined_at: string
  }>
  readonly next_cursor: string | null
}

export interface CursorAck {
  readonly offset: number
  readonly epoch: string | null
}

export interface Welcome {
  readonly session_id?: string
  readonly resume_token?: string
  readonly user_id?: string | null
  readonly heartbeat_interval_ms?: number
}

/** Anything that a client sends. */
export interface ClientMessage {
  readonly type: string
  readonly id?: string
  readonly [field: string]: unknown
}

/** Anything that the server sends, before it is known what it is. */
export interface ServerMessage extends Partial<Position>, Partial<OffsetRange>, Welcome {
  readonly type: string
  readonly action?: string
  readonly id?: string
  readonly room?: string
  readonly group?: string
  readonly inbox?: boolean
  readonly content?: unknown
  readonly code?: string
  readonly message?: string
  readonly retry_after_ms?: number
  readonly reconnect_within_ms?: number
}

/** A message of a channel, with its place in it. */
export type PlacedMessage = ServerMessage & Required<Position>

/** Undefined for what is not one object with a `type`. */
export function decode(data: unknown): ServerMessage | undefined {
  try {
    const message: unknown = JSON.parse(String(data))
    return isServerMessage(message) ? message : undefined
  } catch {
    return undefined
  }
}

function isServerMessage(message: unknown): message is ServerMessage {
  return typeof message === 'object' && message !== null && 'type' in message && typeof message.type === 'string'
}

export function isPlaced(message: ServerMessage): message is PlacedMessage {
  return typeof message.epoch === 'string' && typeof message.offset === 'number'
}

/** Which channel a message belongs to; undefined where it names none. */
export function tagOf({ room, group, inbox }: ServerMessage): ChannelTag | undefined {
  if (room !== undefined) return { room }
  if (group !== undefined) return { group }
  return inbox === true ? { inbox } : undefined
}
