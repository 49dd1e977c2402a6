import type { Deadline } from '../deadline.js'
import type { PositionInput } from '../protocol/commands.js'
import type { JoinOutcome } from '../rooms/room-registry.js'

/** What holds for all of a comeback. */
export interface Terms {
  readonly positions: Readonly<Record<string, PositionInput>>
  readonly deadline: Deadline | undefined
}

/** How a session comes back. */
export interface Return extends Terms {
  readonly kicked: readonly string[]
}

export interface Rejoined {
  readonly outcomes: readonly JoinOutcome[]
  /** Rooms that the user was put out of. The connection may be in some of them. */
  readonly removed: readonly string[]
}
