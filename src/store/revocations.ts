import type { PageQuery } from './presence.js'

/** Names tokens: those that fit everything that is given. Something is. */
export interface Revocation {
  readonly userId?: string | undefined
  readonly tokenId?: string | undefined
  /** Issued before this moment, in milliseconds since 1970. */
  readonly issuedBefore?: number | undefined
}

/** Tokens that are no longer to be taken. */
export interface KeptRevocation extends Revocation {
  /** When it is forgotten, in milliseconds since 1970. */
  readonly expiresAt: number
}

/** Which tokens the backend has taken back, for as long as one of them may still be valid. */
export interface Revocations {
  /**
   * Keeps a revocation until it expires. One of the same tokens that is there already is replaced by it. Safe when it
   * resolves; idempotent.
   */
  record(revocation: KeptRevocation): Promise<void>
  /** Those that have not expired, in the order of their ends. The cursor is the one of the page before. */
  list(query: PageQuery): Promise<{ revocations: KeptRevocation[]; nextCursor: string | undefined }>
}
