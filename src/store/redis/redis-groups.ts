import { answered } from '../answered.js'
import type { GroupMember, GroupMembership, Groups, UserGroup } from '../groups.js'
import type { PageQuery } from '../presence.js'
import type { RedisConnection } from './connections.js'
import type { Keys } from './keys.js'

/** What is filed under a user for so long without its membership is left over from a change that was cut off. */
const LEFT_OVER_MS = 60_000

/** Groups over all nodes. */
export class RedisGroups implements Groups {
  readonly #redis: RedisConnection
  readonly #keys: Keys
  readonly #now: () => number

  constructor(redis: RedisConnection, keys: Keys, now: () => number) {
    this.#redis = redis
    this.#keys = keys
    this.#now = now
  }

  async add(
    group: string,
    userId: string,
    fresh: GroupMembership,
    groupsMax: number
  ): Promise<GroupMembership | undefined> {
    const present = await this.membership(group, userId)
    if (present !== undefined) return present
    if (!(await this.#file(group, userId, fresh, groupsMax))) return undefined
    const { members, memberNames } = this.#keysOf(group)
    const reply = this.#redis.rcAddMember(members, memberNames, userId, JSON.stringify(fresh))
    const membership = parse(await answered(reply))
    // Another add was first.
    if (membership?.id !== fresh.id) await this.#unfile(userId, filedAs(group, fresh.id))
    return membership
  }

  async remove(group: string, userId: string): Promise<GroupMembership | undefined> {
    const { members, memberNames } = this.#keysOf(group)
    const dropped = parse(await answered(this.#redis.rcDropMember(members, memberNames, userId)))
    if (dropped !== undefined) await this.#unfile(userId, filedAs(group, dropped.id))
    return dropped
  }

  async membership(group: string, userId: string): Promise<GroupMembership | undefined> {
    return parse(await answered(this.#redis.hget(this.#keys.members(group), userId)))
  }

  async members(
    group: string,
    { limit, cursor }: PageQuery
  ): Promise<{ members: GroupMember[]; nextCursor: string | undefined }> {
    const start = cursor === undefined ? '-' : `(${cursor}`
    const names = await answered(
      this.#redis.zrangebylex(this.#keys.memberNames(group), start, '+', 'LIMIT', 0, limit + 1)
    )
    const page = names.slice(0, limit)
    const states = page.length === 0 ? [] : await answered(this.#redis.hmget(this.#keys.members(group), ...page))
    // One who was removed in between has no membership any more.
    const members = page.flatMap((userId, index) => {
      const membership = parse(states[index] ?? null)
      return membership === undefined ? [] : [{ ...membership, userId }]
    })
    return { members, nextCursor: names.length > limit ? page.at(-1) : undefined }
  }

  async groupsOf(userId: string): Promise<UserGroup[]> {
    const filed = await answered(this.#redis.hkeys(this.#keys.groupsOf(userId)))
    const names = [...new Set(filed.map((text) => parseFiled(text).group))].sort()
    const memberships = await Promise.all(names.map((group) => this.membership(group, userId)))
    return names.flatMap((group, index) => {
      const membership = memberships[index]
      return membership === undefined ? [] : [{ ...membership, group }]
    })
  }

  /** False where the user is in as many groups as may be. */
  async #file(group: string, userId: string, { id, addedAt }: GroupMembership, groupsMax: number): Promise<boolean> {
    const file = () => answered(this.#redis.rcFileGroup(this.#keys.groupsOf(userId), group, id, addedAt, groupsMax))
    if ((await file()) === 1) return true
    return (await this.#unfileLeftOvers(userId)) && (await file()) === 1
  }

  async #unfile(userId: string, filed: string): Promise<void> {
    await answered(this.#redis.hdel(this.#keys.groupsOf(userId), filed))
  }

  /** True where there were any. */
  async #unfileLeftOvers(userId: string): Promise<boolean> {
    const filed = Object.entries(await answered(this.#redis.hgetall(this.#keys.groupsOf(userId))))
    const old = filed.filter(([, addedAt]) => this.#now() - Number(addedAt) > LEFT_OVER_MS).map(([text]) => text)
    const memberships = await Promise.all(old.map((text) => this.membership(parseFiled(text).group, userId)))
    const leftOver = old.filter((text, index) => memberships[index]?.id !== parseFiled(text).id)
    await Promise.all(leftOver.map((text) => this.#unfile(userId, text)))
    return leftOver.length > 0
  }

  #keysOf(group: string): { members: string; memberNames: string } {
    return { members: this.#keys.members(group), memberNames: this.#keys.memberNames(group) }
  }
}

/** How a membership is filed under its user. */
function filedAs(group: string, id: string): string {
  // Ids hold no control characters.
  return `${group}\n${id}`
}

function parseFiled(filed: string): { group: string; id: string } {
  const [group = '', id = ''] = filed.split('\n')
  return { group, id }
}

function parse(membership: string | null): GroupMembership | undefined {
  return membership === null ? undefined : (JSON.parse(membership) as GroupMembership)
}
