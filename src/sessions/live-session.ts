import type { Connection } from '../connections/connection.js'
import type { FewMap } from '../few-map.js'
import type { LeaseLoss } from '../store/nodes.js'
import type { OwnedSession, SessionRoom, SessionToken } from '../store/sessions.js'
import type { Position } from '../store/streams.js'

/** A session whose connection is on this node. */
export interface LiveSession {
  readonly connection: Connection
  sessionId: string
  tokenHash: string
  generation: number
  /** Confirmed positions by room. */
  readonly rooms: FewMap<string, SessionRoom>
  /** It joined a room once: there is something to keep. */
  kept: boolean
  /** Written at least once: it is in the store, unless it ended there. */
  stored: boolean
  /** Another node may have it, or ended it: nothing is written before that is known. */
  doubt: LeaseLoss | undefined
  /** Something confirmed is not saved yet. */
  changed: boolean
  /** Monotonic, in milliseconds. */
  savedAt: number
  /** What had been sent when the last ping was. */
  pinged: { readonly serial: number; readonly positions: ReadonlyMap<string, Position> } | undefined
}

/** Always of the same shape: an object that is spread into another has one of its own, which is larger than both. */
export function sessionRoom({ epoch, offset, messageId }: Position, removalId: string | undefined): SessionRoom {
  return messageId === undefined ? { epoch, offset, removalId } : { epoch, offset, messageId, removalId }
}

/** What of it is stored. */
export function ownedBy({ sessionId, generation, tokenHash, connection, rooms }: LiveSession): OwnedSession {
  const { userId, removalId } = connection
  const token = tokenOf(connection)
  return { sessionId, userId: userId ?? '', generation, tokenHash, rooms: Object.fromEntries(rooms), removalId, token }
}

/** What its session came by, in so far as that can be revoked. */
function tokenOf({ grant }: Connection): SessionToken | undefined {
  if (grant === undefined || grant.userId === null) return undefined
  return { id: grant.tokenId, issuedAt: grant.issuedAt }
}
