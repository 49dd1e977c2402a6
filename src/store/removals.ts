/** The newest removals of a user; undefined where there was none, or none that is still remembered. */
export interface NewestRemovals {
  /** Of the user as a whole: all connections and sessions. */
  readonly user: string | undefined
  /** Of each room, in the order asked. */
  readonly rooms: ReadonlyArray<string | undefined>
}

/**
 * What the backend put users out of, for as long as a session from before may come back. Whoever comes in notes the
 * newest removal: where that is another one later, it was removed in between.
 */
export interface Removals {
  /** Puts a user out of a room, or of everything where no room is given. `removalId` is one of its own. Idempotent. */
  record(removalId: string, userId: string, room?: string): Promise<void>
  newest(userId: string, rooms: readonly string[]): Promise<NewestRemovals>
}
