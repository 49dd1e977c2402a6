import type { Cursor } from './cursors.js'
import type { PageQuery } from './presence.js'

/** One user's time in a group, from the adding to the removal. */
export interface GroupMembership {
  /** Another one each time the user is added anew. */
  readonly id: string
  /** Where the group stood when the user was added: the messages after it are the member's. */
  readonly start: Cursor
  /** Milliseconds since 1970. */
  readonly addedAt: number
}

export interface GroupMember extends GroupMembership {
  readonly userId: string
}

export interface UserGroup extends GroupMembership {
  readonly group: string
}

/** Groups of users, kept until they are told otherwise. */
export interface Groups {
  /**
   * Makes the user a member and answers the membership. Idempotent: who is in already keeps the one there is.
   * Undefined where the user is in `groupsMax` groups; nothing has changed then.
   */
  add(group: string, userId: string, fresh: GroupMembership, groupsMax: number): Promise<GroupMembership | undefined>
  /** Ends the membership and answers it; undefined where there was none. */
  remove(group: string, userId: string): Promise<GroupMembership | undefined>
  /** Undefined for a user who is not in the group. */
  membership(group: string, userId: string): Promise<GroupMembership | undefined>
  /** Members in a stable order; one who stays throughout is listed once. */
  members(group: string, query: PageQuery): Promise<{ members: GroupMember[]; nextCursor: string | undefined }>
  /** Groups of a user, in the order of their names. */
  groupsOf(userId: string): Promise<UserGroup[]>
}
