import { Type } from '@sinclair/typebox'
import { Epoch, HistoryQuery, MembersQuery, Offset } from '../protocol/commands.js'
import { Id, NamedUser } from '../protocol/ids.js'
import { Timestamp } from '../protocol/timestamp.js'

/* What the routes take and answer (protocol.md, section 3). Answers are described for the reader of `/docs`. */

const EXCLUDE_MAX = 100
const BATCH_MAX = 1000
const ROOMS_LIMIT_MAX = 1000
export const ROOMS_LIMIT_DEFAULT = 100

const Text = Type.String()
const Count = Type.Integer({ minimum: 0 })
const Nullable = <T extends ReturnType<typeof Type.String>>(schema: T) => Type.Union([schema, Type.Null()])

export const RoomParams = Type.Object({ room: Id })

export const RoomsQuery = Type.Object({
  prefix: Type.Optional(Type.String({ maxLength: 128 })),
  cursor: MembersQuery.cursor,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: ROOMS_LIMIT_MAX }))
})
export const HistoryQueryString = Type.Object(HistoryQuery)
export const MembersQueryString = Type.Object(MembersQuery)

const publishFields = {
  content: Type.Unknown({ description: 'any JSON' }),
  message_id: Type.Optional(Id)
}
const Exclude = Type.Optional(
  Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }), {
    maxItems: EXCLUDE_MAX,
    description: 'ids of connections that do not get it live'
  })
)
const userFields = { user_id: Type.Optional(NamedUser) }
const typeFields = {
  type: Type.Optional(
    Type.String({
      maxLength: 128,
      description: 'chat_message where it is missing, or another type that the room takes'
    })
  )
}

export const PublishBody = Type.Object({ ...typeFields, ...publishFields, ...userFields, exclude: Exclude })
export const BroadcastBody = Type.Object({ ...publishFields, exclude: Exclude })
/** The items are looked at one by one: a bad one does not stop the others. */
export const BatchBody = Type.Object({ items: Type.Array(Type.Unknown(), { maxItems: BATCH_MAX }) })
export const BatchItem = Type.Object({
  room: Type.Optional(Id),
  user: Type.Optional(NamedUser),
  group: Type.Optional(Id),
  ...typeFields,
  ...publishFields,
  ...userFields
})
export const IdempotencyHeaders = Type.Object({ 'idempotency-key': Type.Optional(Id) })

const USERS_MAX = 1000
export const UserParams = Type.Object({ user: Id })
export const NamedUserParams = Type.Object({ user: NamedUser })
export const OnlineBody = Type.Object({ user_ids: Type.Array(Id, { maxItems: USERS_MAX }) })
export const DirectBody = Type.Object({ ...publishFields, from: Type.Optional(NamedUser) })
export const InboxQueryString = Type.Object({
  device_id: Type.Optional(Id),
  after: HistoryQuery.after,
  limit: HistoryQuery.limit
})
export const InboxAckBody = Type.Object({
  offset: Offset,
  epoch: Type.Optional(Epoch),
  device_id: Type.Optional(Id)
})
export const UserState = Type.Object({
  user_id: Text,
  online: Type.Boolean(),
  connections: Count,
  last_seen: Nullable(Text)
})
export const OnlineUsers = Type.Object({ online: Type.Record(Text, Type.Boolean()) })
export const Inbox = Type.Object({
  user_id: Text,
  epoch: Nullable(Text),
  offset: Count,
  cursor: Count,
  unacked: Count,
  messages: Type.Array(Type.Object({}, { additionalProperties: true })),
  has_more: Type.Boolean()
})
export const CursorState = Type.Object({ offset: Count, epoch: Nullable(Text) })
const roomCounts = { room: Text, online_count: Count, connections: Count }
export const RoomCounts = Type.Object(roomCounts)
export const RoomList = Type.Object({ rooms: Type.Array(RoomCounts), next_cursor: Nullable(Text) })
export const RoomState = Type.Object({ ...roomCounts, epoch: Nullable(Text), offset: Count })
export const MemberList = Type.Object({
  room: Text,
  online_count: Count,
  members: Type.Array(Type.Object({ user_id: Text, connections: Count, joined_at: Text })),
  next_cursor: Nullable(Text)
})
const history = {
  epoch: Nullable(Text),
  offset: Count,
  messages: Type.Array(Type.Object({}, { additionalProperties: true })),
  has_more: Type.Boolean()
}
export const History = Type.Object({ room: Text, ...history })
export const GroupHistory = Type.Object({ group: Text, ...history })
const published = {
  message_id: Text,
  epoch: Text,
  offset: Count,
  timestamp: Text,
  duplicate: Type.Boolean(),
  durable: Text
}
export const Published = Type.Object({ room: Text, ...published })
export const DirectPublished = Type.Object({ user_id: Text, ...published, online: Count })
export const GroupPublished = Type.Object({ group: Text, ...published })
export const Nothing = Type.Null({ description: 'no content' })
export const Closed = Type.Object({ closed: Count })
export const RoomMemberParams = Type.Object({ room: Id, user: Id })
export const GroupParams = Type.Object({ group: Id })
export const GroupMemberParams = Type.Object({ group: Id, user: NamedUser })
export const GroupMemberList = Type.Object({
  group: Text,
  members: Type.Array(Type.Object({ user_id: Text, added_at: Text })),
  next_cursor: Nullable(Text)
})
export const UserGroupList = Type.Object({
  user_id: Text,
  groups: Type.Array(Type.Object({ group: Text, added_at: Text })),
  next_cursor: Nullable(Text)
})
export const RevocationBody = Type.Object(
  {
    user_id: Type.Optional(NamedUser),
    token_id: Type.Optional(Id),
    issued_before: Type.Optional(Timestamp)
  },
  { description: 'tokens that fit all that is given' }
)
export const KeptRevocation = Type.Object({
  user_id: Type.Optional(Text),
  token_id: Type.Optional(Text),
  issued_before: Type.Optional(Text),
  expires_at: Text
})
export const RevocationList = Type.Object({ revocations: Type.Array(KeptRevocation), next_cursor: Nullable(Text) })
export const BroadcastAccepted = Type.Object({ message_id: Text, timestamp: Text })
export const BatchResults = Type.Object({ results: Type.Array(Type.Object({}, { additionalProperties: true })) })
export const Online = Type.Object({ connections: Count, users: Count, rooms: Count, nodes: Count })

export const Health = Type.Object({ status: Text, reason: Type.Optional(Text) })
