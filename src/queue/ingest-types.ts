import { type Static, type TSchema, Type } from '@sinclair/typebox'
import type { Broadcasts } from '../broadcasts.js'
import { RoomcastError } from '../errors.js'
import type { GroupRegistry } from '../groups/group-registry.js'
import type { InboxRegistry } from '../inbox/inbox-registry.js'
import { Id, NamedUser } from '../protocol/ids.js'
import { relayedText } from '../protocol/json-object.js'
import { createValidator } from '../protocol/validation.js'
import type { RoomRegistry } from '../rooms/room-registry.js'
import type { DecodedMessage } from './typed-message.js'

/** What an entry comes to. */
export interface Job {
  /** Jobs of one lane are done one after the other. */
  readonly lane: string
  run(): Promise<unknown>
}

/** An entry of a type → its job; `id` is the entry's own. Throws what the entry lacks. */
export type IngestType = (decoded: DecodedMessage, id: string) => Job

export interface BuiltInServices {
  readonly rooms: Pick<RoomRegistry, 'publish' | 'families'>
  readonly inbox: Pick<InboxRegistry, 'send'>
  readonly groups: Pick<GroupRegistry, 'publish'>
  readonly broadcasts: Pick<Broadcasts, 'send'>
  /** Of one content. */
  readonly bytesMax: number
}

const publishFields = { content: Type.Unknown(), message_id: Type.Optional(Id) }
const ChatEntry = Type.Object({ room: Id, user_id: Type.Optional(NamedUser), ...publishFields })
const DirectEntry = Type.Object({ to: NamedUser, from: Type.Optional(NamedUser), ...publishFields })
const GroupEntry = Type.Object({ group: Id, from: Type.Optional(NamedUser), ...publishFields })
const BroadcastEntry = Type.Object(publishFields)

/** What every built-in type sends. */
interface Letter {
  /** JSON text. */
  readonly content: string
  readonly messageId: string
}

/** The types that need no handler of an application (protocol.md, section 4). A new one is a line here. */
export function builtInTypes(services: BuiltInServices): ReadonlyMap<string, IngestType> {
  const { rooms, inbox, groups, broadcasts, bytesMax } = services
  const ofRooms = [...rooms.families.messageTypes].map((type) => [type, roomType(type, services)] as const)
  return new Map([
    ...ofRooms,
    [
      'direct_message',
      publishing(DirectEntry, bytesMax, ({ to, from = null }, letter) => ({
        lane: `user:${to}`,
        run: () => inbox.send({ to, from, ...letter })
      }))
    ],
    [
      'group_message',
      publishing(GroupEntry, bytesMax, ({ group, from = null }, letter) => ({
        lane: `group:${group}`,
        run: () => groups.publish({ group, from, ...letter })
      }))
    ],
    ['broadcast', publishing(BroadcastEntry, bytesMax, (_entry, letter) => sending(broadcasts, letter))]
  ])
}

/** `chat_message`, and the types of the families. */
function roomType(type: string, { rooms, bytesMax }: BuiltInServices): IngestType {
  return publishing(ChatEntry, bytesMax, ({ room, user_id: userId = null }, letter) => ({
    lane: `room:${room}`,
    run: () => rooms.publish({ room, type, userId, ...letter })
  }))
}

function sending(broadcasts: BuiltInServices['broadcasts'], letter: Letter): Job {
  return { lane: 'broadcast:', run: () => broadcasts.send(letter) }
}

/** `schema` has the publish fields. */
function publishing<T extends TSchema>(
  schema: T,
  bytesMax: number,
  jobOf: (entry: Static<T>, letter: Letter) => Job
): IngestType {
  const validate = createValidator(schema)
  return ({ message, content = 'null' }, id) => {
    const entry = validate(message)
    const { message_id: messageId } = message
    if (Buffer.byteLength(content) > bytesMax) {
      throw new RoomcastError('message_too_large', { message: `content: more than ${bytesMax} bytes` })
    }
    return jobOf(entry, { content: relayedText(content), messageId: typeof messageId === 'string' ? messageId : id })
  }
}
