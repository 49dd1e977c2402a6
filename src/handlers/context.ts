import type { Authenticator } from '../auth/authenticator.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { Limiter } from '../connections/limiter.js'
import type { Deadline } from '../deadline.js'
import type { Deadlines } from '../deadlines.js'
import type { GroupRegistry } from '../groups/group-registry.js'
import type { InboxRegistry } from '../inbox/inbox-registry.js'
import type { Command, CommandType } from '../protocol/commands.js'
import type { Replies } from '../protocol/replies.js'
import type { Random } from '../random.js'
import type { RoomRegistry } from '../rooms/room-registry.js'
import type { SessionRegistry } from '../sessions/session-registry.js'
import type { UserRegistry } from '../users/user-registry.js'

/** What the handlers work with, besides the connection. */
export interface Services {
  readonly authenticator: Authenticator
  readonly rooms: RoomRegistry
  readonly users: UserRegistry
  readonly inbox: InboxRegistry
  readonly groups: GroupRegistry
  readonly sessions: SessionRegistry
  readonly limiter: Limiter
  readonly clock: Clock
  readonly random: Random
}

export interface Context extends Services {
  readonly connection: Connection
  /** Of its commands. */
  readonly deadlines: Deadlines
}

export interface Answer<T extends CommandType> {
  readonly body: Replies[T]
  /** Runs as soon as the answer is queued, before anything else can be. */
  readonly begin?: () => void
}

/** `deadline` is for handlers that change something for good: what they answer has to be what is in force. */
export type Handler<T extends CommandType> = (
  context: Context,
  command: Command<T>,
  deadline: Deadline
) => Promise<Answer<T>>
