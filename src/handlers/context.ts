import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { GroupRegistry } from '../groups/group-registry.js'
import type { InboxRegistry } from '../inbox/inbox-registry.js'
import type { Command, CommandType } from '../protocol/commands.js'
import type { Replies } from '../protocol/replies.js'
import type { RoomRegistry } from '../rooms/room-registry.js'
import type { SessionRegistry } from '../sessions/session-registry.js'
import type { UserRegistry } from '../users/user-registry.js'

/** What the handlers work with, besides the connection. */
export interface Services {
  readonly rooms: RoomRegistry
  readonly users: UserRegistry
  readonly inbox: InboxRegistry
  readonly groups: GroupRegistry
  readonly sessions: SessionRegistry
  readonly clock: Clock
}

export interface Context extends Services {
  readonly connection: Connection
}

export interface Answer<T extends CommandType> {
  readonly body: Replies[T]
  /** Runs as soon as the answer is queued, before anything else can be. */
  readonly begin?: () => void
}

export type Handler<T extends CommandType> = (context: Context, command: Command<T>) => Promise<Answer<T>>
