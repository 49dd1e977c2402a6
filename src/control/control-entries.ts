import { type Static, Type } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'

const Text = Type.String()

/** What the backend did, as the nodes tell each other. The store knows it already when an entry is made. */
export const ControlEntry = Type.Union([
  /** A user was put out of a room. */
  Type.Object({ type: Type.Literal('kick'), room: Text, user: Text, removal: Text }),
  /** All connections of a user are to be closed, its sessions are over. */
  Type.Object({ type: Type.Literal('disconnect'), user: Text, removal: Text }),
  Type.Object({ type: Type.Literal('member_added'), group: Text, user: Text }),
  Type.Object({ type: Type.Literal('member_removed'), group: Text, user: Text, membership: Type.Optional(Text) }),
  Type.Object({ type: Type.Literal('group_deleted'), group: Text }),
  /** Tokens are no longer to be taken: those that fit all that is given. Times in milliseconds since 1970. */
  Type.Object({
    type: Type.Literal('revoke'),
    user: Type.Optional(Text),
    token: Type.Optional(Text),
    before: Type.Optional(Type.Number()),
    expires: Type.Number()
  }),
  /** The messages of a channel were dropped. */
  Type.Object({ type: Type.Literal('purge'), channel: Text })
])
export type ControlEntry = Static<typeof ControlEntry>

const check = TypeCompiler.Compile(ControlEntry)

/** Undefined for anything else: what comes from outside is not trusted, and a later version may know more. */
export function decodeControlEntry(payload: Buffer): ControlEntry | undefined {
  try {
    const entry = JSON.parse(payload.toString()) as unknown
    return check.Check(entry) ? entry : undefined
  } catch {
    return undefined
  }
}
