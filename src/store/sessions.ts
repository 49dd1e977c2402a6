import type { Position } from './streams.js'

/** Where a session stands in a room. */
export interface SessionRoom extends Position {
  /** The newest removal of the user from the room when the session joined it. */
  readonly removalId?: string | undefined
}

export type SessionRooms = Readonly<Record<string, SessionRoom>>

/** What is known of the token of a session's user: enough to tell whether it was revoked since. */
export interface SessionToken {
  readonly id?: string | undefined
  /** Milliseconds since 1970. */
  readonly issuedAt?: number | undefined
}

/** A session as its present owner writes it. */
export interface OwnedSession {
  readonly sessionId: string
  readonly userId: string
  /** Counts the owners: whoever writes with an older one has lost it. */
  readonly generation: number
  /** SHA-256 of the resume token, in hex. The token itself is nowhere. */
  readonly tokenHash: string
  readonly rooms: SessionRooms
  /** The newest removal of the user as a whole when the session began. */
  readonly removalId?: string | undefined
  /** Undefined in open mode. */
  readonly token?: SessionToken | undefined
}

export interface TakeRequest {
  readonly sessionId: string
  /** Only where it is this user's; null for any. */
  readonly userId: string | null
  /** Of the token that was shown. */
  readonly tokenHash: string
  /** Of the one that is good from now on. */
  readonly nextTokenHash: string
}

export interface TakenSession {
  readonly session: OwnedSession
  /** The node that had it, where that may still have its connection. */
  readonly formerOwner: string
}

/**
 * Whether a session is still the node's that had it: `taken` by a later owner, or `gone`, where it was ended, its time
 * was over, or the store has forgotten it.
 */
export type Holding = 'held' | 'taken' | 'gone'

/**
 * What survives a dropped connection. Written while it is connected, so that it survives the death of its node as
 * well; kept for `ttlMs` after its connection closed or its node was last alive.
 */
export interface Sessions {
  /** This node's id as an owner, the same for as long as the node runs. */
  readonly owner: string
  /**
   * Writes a session, and makes this node its owner. False where it belongs to a later generation by now: nothing was
   * written. Idempotent.
   */
  save(session: OwnedSession): Promise<boolean>
  /**
   * Makes sure of sessions that this node has: those that are `held` are its own again under its present name, and wait
   * for nothing; of the others nothing is written. One round trip. In the order asked. Idempotent.
   */
  reclaim(sessions: readonly OwnedSession[]): Promise<Holding[]>
  /**
   * Hands a session to this node, in the next generation and under the next token. The token before works once more
   * for 30 s. Undefined for an unknown or expired session, for one of another user and for a token that does not match,
   * and then nothing has changed. Atomic: of two at once
   * with the same token the second takes it from the first.
   */
  take(request: TakeRequest): Promise<TakenSession | undefined>
  /** The connection is gone, and the session waits for `ttlMs`. Nothing happens to one of a later generation. */
  release(sessionId: string, generation: number): Promise<void>
  /** The session is over. Nothing happens to one of a later generation. */
  end(sessionId: string, generation: number): Promise<void>
}

/** How long the token before the present one still works (protocol.md 2.4). */
export const PREVIOUS_TOKEN_MS = 30_000
