import { type Static, Type } from '@sinclair/typebox'
import { Id, NamedUser } from './ids.js'

/** Newest messages that one request may ask for. */
export const HISTORY_LIMIT_MAX = 1000
export const HISTORY_LIMIT_DEFAULT = 50
export const MEMBERS_LIMIT_MAX = 1000
export const MEMBERS_LIMIT_DEFAULT = 100

/** Optional in the protocol's sense: absent. */
export const Offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const Epoch = Type.String({ minLength: 1, maxLength: 64 })
export const Cursor = Type.String({ maxLength: 1024, description: 'next_cursor of the page before' })
export const HistoryQuery = {
  after: Type.Optional(Offset),
  before: Type.Optional(Offset),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: HISTORY_LIMIT_MAX }))
}
export const MembersQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MEMBERS_LIMIT_MAX })),
  cursor: Type.Optional(Cursor)
}

const PositionInput = Type.Object({ epoch: Epoch, offset: Offset, message_id: Type.Optional(Id) })
export type PositionInput = Static<typeof PositionInput>

/** Client to server (protocol.md 2.1): each type with its fields. Unknown fields are ignored. */
export const commandSchemas = {
  authenticate: Type.Object({ token: Type.String() }),
  resume: Type.Object({
    session_id: Type.String({ maxLength: 256 }),
    resume_token: Type.String({ maxLength: 256 }),
    positions: Type.Optional(Type.Record(Type.String(), PositionInput))
  }),
  join_room: Type.Object({
    room: Id,
    user_id: Type.Optional(NamedUser),
    since: Type.Optional(PositionInput),
    last: Type.Optional(Type.Integer({ minimum: 0, maximum: HISTORY_LIMIT_MAX }))
  }),
  leave_room: Type.Object({ room: Id }),
  chat_message: Type.Object({
    room: Id,
    content: Type.Unknown(),
    user_id: Type.Optional(NamedUser),
    message_id: Type.Optional(Id)
  }),
  signal: Type.Object({ room: Id, content: Type.Unknown() }),
  direct_message: Type.Object({ to: NamedUser, content: Type.Unknown(), message_id: Type.Optional(Id) }),
  group_message: Type.Object({ group: Id, content: Type.Unknown(), message_id: Type.Optional(Id) }),
  inbox_ack: Type.Object({ offset: Offset, epoch: Type.Optional(Epoch), group: Type.Optional(Id) }),
  read_history: Type.Object({ room: Type.Optional(Id), group: Type.Optional(Id), ...HistoryQuery }),
  list_members: Type.Object({ room: Id, ...MembersQuery }),
  heartbeat: Type.Object({})
}

export type CommandType = keyof typeof commandSchemas
export type CommandBody = { [T in CommandType]: Static<(typeof commandSchemas)[T]> }

/** Distributes over `T`, so that `command.type` narrows `command.body`. */
export type Command<T extends CommandType = CommandType> = {
  [K in T]: {
    /** Absent where the client wants no answer to a success. */
    readonly id: string | undefined
    readonly type: K
    readonly body: CommandBody[K]
    /** As the client wrote it: of a `chat_message` it may be a type that only some rooms take. */
    readonly messageType: string
    /** The field `content` as the client wrote it: relayed without a detour over JavaScript's numbers. */
    readonly content: string
  }
}[T]

export function isCommandType(type: string): type is CommandType {
  return Object.hasOwn(commandSchemas, type)
}
