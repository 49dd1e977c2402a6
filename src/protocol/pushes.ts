import type { OffsetRange } from './values.js'

/** Which channel a system message is about: exactly one of the three. */
export type ChannelTag = { readonly room: string } | { readonly group: string } | { readonly inbox: true }

const CLOSING_BRACE = 1

let latestTime = { timeMs: 0, text: new Date(0).toISOString() }

/** ISO 8601 in UTC with milliseconds. */
export function formatTime(timeMs: number): string {
  // As a rule it is the time of the message before, or of the same one.
  if (latestTime.timeMs !== timeMs) latestTime = { timeMs, text: new Date(timeMs).toISOString() }
  return latestTime.text
}

function encode(fields: object): Buffer {
  return Buffer.from(JSON.stringify(fields))
}

export interface Welcome {
  readonly connectionId: string
  readonly sessionId: string
  readonly resumeToken: string
  readonly userId: string | null
  readonly heartbeatIntervalMs: number
  readonly now: number
}

/** Always the first message; its text is the original server's. */
export function encodeConnected({
  connectionId,
  sessionId,
  resumeToken,
  userId,
  heartbeatIntervalMs,
  now
}: Welcome): Buffer {
  return encode({
    type: 'system',
    action: 'connected',
    message: '连接成功',
    connection_id: connectionId,
    session_id: sessionId,
    resume_token: resumeToken,
    user_id: userId,
    heartbeat_interval_ms: heartbeatIntervalMs,
    timestamp: formatTime(now)
  })
}

export interface ChatMessage {
  /** `chat_message`, or what a family of rooms has besides. */
  readonly type: string
  readonly room: string
  /** JSON text, relayed as it is. */
  readonly content: string
  readonly userId: string | null
  readonly messageId: string
  readonly timestamp: number
}

/** As it is stored: without a position, which `withPosition` adds. */
export function encodeChatMessage({ type, room, content, userId, messageId, timestamp }: ChatMessage): Buffer {
  return Buffer.from(
    `{"type":${JSON.stringify(type)},"room":${JSON.stringify(room)},"content":${content},` +
      `"user_id":${JSON.stringify(userId)},"message_id":${JSON.stringify(messageId)},"timestamp":"${formatTime(timestamp)}"}`
  )
}

/** Puts epoch and offset into a stored message without parsing it. */
export function withPosition(encoded: Buffer, epoch: string, offset: number): Buffer {
  const position = `,"epoch":${JSON.stringify(epoch)},"offset":${offset}}`
  const open = encoded.length - CLOSING_BRACE
  const payload = Buffer.allocUnsafe(open + Buffer.byteLength(position))
  encoded.copy(payload, 0, 0, open)
  payload.write(position, open)
  return payload
}

export interface DirectMessage {
  /** Null where a backend gave none. */
  readonly from: string | null
  readonly to: string
  /** JSON text, relayed as it is. */
  readonly content: string
  readonly messageId: string
  readonly timestamp: number
}

/** As it is stored: without a position, which `withPosition` adds. */
export function encodeDirectMessage({ from, to, content, messageId, timestamp }: DirectMessage): Buffer {
  return Buffer.from(
    `{"type":"direct_message","from":${JSON.stringify(from)},"to":${JSON.stringify(to)},"content":${content},` +
      `"message_id":${JSON.stringify(messageId)},"timestamp":"${formatTime(timestamp)}"}`
  )
}

export interface GroupMessage {
  readonly group: string
  /** Null where a backend gave none. */
  readonly from: string | null
  /** JSON text, relayed as it is. */
  readonly content: string
  readonly messageId: string
  readonly timestamp: number
}

/** As it is stored: without a position, which `withPosition` adds. */
export function encodeGroupMessage({ group, from, content, messageId, timestamp }: GroupMessage): Buffer {
  return Buffer.from(
    `{"type":"group_message","group":${JSON.stringify(group)},"from":${JSON.stringify(from)},"content":${content},` +
      `"message_id":${JSON.stringify(messageId)},"timestamp":"${formatTime(timestamp)}"}`
  )
}

export interface Signal {
  readonly room: string
  /** JSON text, relayed as it is. */
  readonly content: string
  readonly userId: string
  readonly timestamp: number
}

export function encodeSignal({ room, content, userId, timestamp }: Signal): Buffer {
  return Buffer.from(
    `{"type":"signal","room":${JSON.stringify(room)},"content":${content},"user_id":${JSON.stringify(userId)},` +
      `"timestamp":"${formatTime(timestamp)}"}`
  )
}

export interface Broadcast {
  /** JSON text, relayed as it is. */
  readonly content: string
  readonly messageId: string
  readonly timestamp: number
}

export function encodeBroadcast({ content, messageId, timestamp }: Broadcast): Buffer {
  return Buffer.from(
    `{"type":"broadcast","content":${content},"message_id":${JSON.stringify(messageId)},` +
      `"timestamp":"${formatTime(timestamp)}"}`
  )
}

export interface UserMove {
  readonly room: string
  readonly userId: string
  readonly onlineCount: number
  readonly timestamp: number
}

export function encodeUserMove(action: 'user_joined' | 'user_left', move: UserMove): Buffer {
  const { room, userId, onlineCount, timestamp } = move
  const fields = { room, user_id: userId, online_count: onlineCount, timestamp: formatTime(timestamp) }
  return encode({ type: 'system', action, ...fields })
}

export interface OnlineCount {
  readonly room: string
  readonly onlineCount: number
  readonly joined: number
  readonly left: number
  readonly timestamp: number
}

export function encodeOnlineCount({ room, onlineCount, joined, left, timestamp }: OnlineCount): Buffer {
  const fields = { room, online_count: onlineCount, joined, left, timestamp: formatTime(timestamp) }
  return encode({ type: 'system', action: 'online_count', ...fields })
}

/** These offsets could not be repaired or kept. */
export function encodeGap(tag: ChannelTag, epoch: string, { from, to }: OffsetRange): Buffer {
  return encode({ type: 'system', action: 'gap', ...tag, epoch, from, to })
}

/** The receiver's position is void; `offset` is the last that still holds, and what lies beyond follows. */
export function encodeReset(tag: ChannelTag, epoch: string, offset: number): Buffer {
  return encode({ type: 'system', action: 'reset', ...tag, epoch, offset })
}

/** This node is about to end: the client is to be on another one within this time. */
export function encodeGoaway(reconnectWithinMs: number): Buffer {
  return encode({ type: 'system', action: 'goaway', reconnect_within_ms: reconnectWithinMs })
}

/** The connection is closed at this time, unless it is authenticated anew before. */
export function encodeTokenExpiring(expiresAt: number): Buffer {
  return encode({ type: 'system', action: 'token_expiring', expires_at: formatTime(expiresAt) })
}

/** Why a receiver is no longer in a room or group. */
export type RemovedReason = 'kicked' | 'rights' | 'left_group'

export function encodeRemoved(
  tag: { readonly room: string } | { readonly group: string },
  reason: RemovedReason
): Buffer {
  return encode({ type: 'system', action: 'removed', ...tag, reason })
}
