import { RoomcastError } from '../errors.js'
import type { CommandBody, CommandType } from '../protocol/commands.js'
import type { Operation, ResourceKind } from './capabilities.js'
import { everything, type Grant } from './grant.js'

/** A right that a command asks for. */
interface Need<T extends CommandType> {
  readonly operation: Operation
  readonly kind: ResourceKind
  /** The field that names what the right is asked for on; without it in the command, the right is not. */
  readonly on: keyof CommandBody[T] & string
  /** Asked for only where one of these fields is there. */
  readonly where?: ReadonlyArray<keyof CommandBody[T] & string>
}

/**
 * What each command of a client needs (protocol.md 2.7): does not compile while one has no line. All of them but
 * `authenticate` need an authenticated connection; where no right is named that is all. What is said here of groups, and
 * of one's own inbox, is on top of being a member, and of it being one's own.
 */
export const rules: { readonly [T in CommandType]: readonly Need<T>[] } = {
  authenticate: [],
  // What it finds again is checked room by room, as the rooms are known.
  resume: [],
  join_room: [
    { operation: 'join', kind: 'room', on: 'room' },
    { operation: 'history', kind: 'room', on: 'room', where: ['since', 'last'] }
  ],
  leave_room: [],
  chat_message: [{ operation: 'publish', kind: 'room', on: 'room' }],
  signal: [{ operation: 'signal', kind: 'room', on: 'room' }],
  direct_message: [{ operation: 'direct', kind: 'user', on: 'to' }],
  group_message: [{ operation: 'publish', kind: 'group', on: 'group' }],
  inbox_ack: [],
  read_history: [
    { operation: 'history', kind: 'room', on: 'room' },
    { operation: 'history', kind: 'group', on: 'group' }
  ],
  list_members: [{ operation: 'members', kind: 'room', on: 'room' }],
  heartbeat: []
}

/** What anybody is told who has yet to say who it is. */
export function unauthenticated(): RoomcastError {
  return new RoomcastError('unauthenticated', { message: 'authenticate comes first' })
}

/** Throws `unauthenticated` before anything else is allowed, and `forbidden` for what the grant does not cover. */
export function authorize(
  grant: Grant | undefined,
  { type, body }: { readonly type: CommandType; readonly body: object }
): void {
  if (grant === everything) return
  if (grant === undefined) {
    if (type === 'authenticate') return
    throw unauthenticated()
  }
  const fields = body as Readonly<Record<string, unknown>>
  for (const { operation, kind, on, where } of rules[type] as readonly Need<CommandType>[]) {
    const id = fields[on]
    const isAsked = typeof id === 'string' && (where === undefined || where.some((name) => fields[name] !== undefined))
    if (isAsked && !grant.allows(operation, kind, id)) {
      throw new RoomcastError('forbidden', { message: `The token does not grant ${operation} on this ${kind}` })
    }
  }
}
