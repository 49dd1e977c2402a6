import { answered } from '../answered.js'
import type { GroupMember, GroupMembership, Groups, UserGroup } from '../groups.js'
import type { PageQuery } from '../presence.js'
import type { EmbeddedRecords } from './embedded-records.js'
import { pageOf } from './page-of.js'

const MEMBERS = 'member'
const GROUPS = 'group-of'

/** Groups of one process: each membership filed under its group and under its user, in one flush. */
export class EmbeddedGroups implements Groups {
  readonly #records: EmbeddedRecords

  constructor(records: EmbeddedRecords) {
    this.#records = records
  }

  async add(
    group: string,
    userId: string,
    fresh: GroupMembership,
    groupsMax: number
  ): Promise<GroupMembership | undefined> {
    const present = this.#get(group, userId)
    if (present !== undefined) {
      // Perhaps it is only on its way to the disk: what is answered has to be safe.
      await this.#put(group, userId, present)
      return present
    }
    if (this.#records.entries([GROUPS, userId]).length >= groupsMax) return undefined
    await this.#put(group, userId, fresh)
    return fresh
  }

  async remove(group: string, userId: string): Promise<GroupMembership | undefined> {
    const present = this.#get(group, userId)
    await this.#put(group, userId, undefined)
    return present
  }

  async membership(group: string, userId: string): Promise<GroupMembership | undefined> {
    return this.#get(group, userId)
  }

  async members(group: string, query: PageQuery): Promise<{ members: GroupMember[]; nextCursor: string | undefined }> {
    const found = this.#records.entries<GroupMembership>([MEMBERS, group])
    const byUser = new Map(found.map(({ key, value }) => [key[2] ?? '', value]))
    const { page, nextCursor } = pageOf([...byUser.keys()].sort(), query)
    const members = page.flatMap((userId) => withUser(userId, byUser.get(userId)))
    return { members, nextCursor }
  }

  async groupsOf(userId: string): Promise<UserGroup[]> {
    const found = this.#records.entries<GroupMembership>([GROUPS, userId])
    const groups = found.map(({ key, value }) => ({ ...value, group: key[2] ?? '' }))
    return groups.sort((a, b) => (a.group < b.group ? -1 : 1))
  }

  #get(group: string, userId: string): GroupMembership | undefined {
    return this.#records.get<GroupMembership>([MEMBERS, group, userId])
  }

  async #put(group: string, userId: string, membership: GroupMembership | undefined): Promise<void> {
    const filed = [
      this.#records.put([MEMBERS, group, userId], membership),
      this.#records.put([GROUPS, userId, group], membership)
    ]
    await answered(Promise.all(filed))
  }
}

function withUser(userId: string, membership: GroupMembership | undefined): GroupMember[] {
  return membership === undefined ? [] : [{ ...membership, userId }]
}
