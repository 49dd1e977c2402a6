import type { RoomcastError } from '../errors.js'
import type { CommandType } from './commands.js'
import type { Durability, OffsetRange } from './values.js'

/** How a replay follows on what was asked (protocol.md 2.1). */
export type Recovered = 'none' | 'full' | 'gap' | 'reset'

export interface JoinReply {
  readonly room: string
  readonly epoch: string
  readonly offset: number
  readonly online_count: number
  readonly recovered: Recovered
  readonly gap?: OffsetRange
}

/** Where a published message went. */
export interface PublishedReply {
  readonly message_id: string
  readonly epoch: string
  readonly offset: number
  readonly timestamp: string
  readonly duplicate: boolean
  readonly durable: Durability
}

export interface PublishReply extends PublishedReply {
  readonly room: string
}

export interface DirectReply extends Omit<PublishedReply, 'epoch' | 'offset'> {
  readonly to: string
  /** Connections of the recipient, for who may know. */
  readonly online?: number
}

export interface GroupPublishReply extends PublishedReply {
  readonly group: string
}

export interface CursorReply {
  readonly offset: number
  readonly epoch: string | null
}

export interface ResumeReply {
  readonly session_id: string
  readonly resume_token: string
  readonly user_id: string
  readonly rooms: Readonly<Record<string, Omit<JoinReply, 'room'>>>
  /** Rooms that the session lost. */
  readonly removed: readonly string[]
}

export interface HistoryPage {
  readonly epoch: string | null
  readonly offset: number
  /** Each as it was delivered, already encoded: numbers stay as their publisher wrote them. */
  readonly messages: readonly Buffer[]
  readonly has_more: boolean
}

export type HistoryReply = HistoryPage & ({ readonly room: string } | { readonly group: string })

export interface MembersReply {
  readonly room: string
  readonly online_count: number
  readonly members: Array<{ user_id: string; connections: number; joined_at: string }>
  readonly next_cursor: string | null
}

export interface AuthenticateReply {
  readonly user_id: string
  readonly expires_at: string
}

/** What the `ack` of each command carries. */
export interface Replies extends Record<CommandType, object> {
  authenticate: AuthenticateReply
  resume: ResumeReply
  join_room: JoinReply
  leave_room: { readonly room: string }
  chat_message: PublishReply
  signal: { readonly room: string }
  read_history: HistoryReply
  list_members: MembersReply
  direct_message: DirectReply
  group_message: GroupPublishReply
  inbox_ack: CursorReply
  heartbeat: { readonly timestamp: string }
}

/** The one answer to a command: `heartbeat` has a type of its own. */
export function encodeReply<T extends CommandType>(type: T, id: string | undefined, body: Replies[T]): Buffer {
  const fields = { type: type === 'heartbeat' ? 'heartbeat_ack' : 'ack', id, ...body }
  return 'messages' in fields ? encodeHistory(fields) : Buffer.from(JSON.stringify(fields))
}

/** An object whose `messages` are encoded already. */
export function encodeHistory({ messages, ...fields }: { readonly messages: readonly Buffer[] }): Buffer {
  const head = JSON.stringify(fields).slice(0, -1)
  const parts: Buffer[] = [Buffer.from(`${head},"messages":[`)]
  for (const [index, message] of messages.entries()) {
    if (index > 0) parts.push(comma)
    parts.push(message)
  }
  return Buffer.concat([...parts, closing])
}

const comma = Buffer.from(',')
const closing = Buffer.from(']}')

export function encodeError(error: RoomcastError, id: string | undefined): Buffer {
  const { code, message, retryAfterMs, messageId } = error
  return Buffer.from(
    JSON.stringify({ type: 'error', id, code, message, retry_after_ms: retryAfterMs, message_id: messageId })
  )
}
