import { answered } from '../answered.js'
import type { GroupMember, GroupMembership, Groups, UserGroup } from '../groups.js'
import type { PageQuery } from '../presence.js'
import type { RedisConnection } from './connections.js'
import type { Keys } from './keys.js'

/** A group that is filed under a user for so long without a membership is left over from a removal that was cut off. */
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
    const file = () =>
      answered(this.#redis.rcFileGroup(this.#keys.groupsOf(userId), group, `${fresh.id} ${fresh.addedAt}`, groupsMax))
    let filed = await file()
    if (filed === null && (await this.#unfileLeftOvers(userId))) filed = await file()
    if (filed === null) return undefined
    const [id = fresh.id] = filed.split(' ')
    const membership = JSON.stringify({ ...fresh, id })
    const reply = this.#redis.rcAddMember(this.#keys.members(group), this.#keys.memberNames(group), userId, membership)
    return parse(await answered(reply))
  }

  async remove(group: string, userId: string): Promise<GroupMembership | undefined> {
    const reply = this.#redis.rcDropMember(this.#keys.members(group), this.#keys.memberNames(group), userId)
    const dropped = parse(await answered(reply))
    if (dropped === undefined) return undefined
    const filed = await answered(this.#redis.hget(this.#keys.groupsOf(userId), group))
    // Added anew in the meantime: it is filed under another id, and stays.
    if (filed?.startsWith(`${dropped.id} `) === true) await this.#unfile(userId, group, filed)
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
    const names = (await answered(this.#redis.hkeys(this.#keys.groupsOf(userId)))).sort()
    const memberships = await Promise.all(names.map((group) => this.membership(group, userId)))
    return names.flatMap((group, index) => {
      const membership = memberships[index]
      return membership === undefined ? [] : [{ ...membership, group }]
    })
  }

  async #unfile(userId: string, group: string, filed: string): Promise<void> {
    await answered(this.#redis.rcUnfileGroup(this.#keys.groupsOf(userId), group, filed))
  }

  /** True where there were any. */
  async #unfileLeftOvers(userId: string): Promise<boolean> {
    const filed = await answered(this.#redis.hgetall(this.#keys.groupsOf(userId)))
    const entries = await Promise.all(
      Object.entries(filed).map(async ([group, text]) => {
        const isOld = this.#now() - Number(text.split(' ')[1]) > LEFT_OVER_MS
        return { group, text, leftOver: isOld && (await this.membership(group, userId)) === undefined }
      })
    )
    const leftOver = entries.filter((entry) => entry.leftOver)
    await Promise.all(leftOver.map(({ group, text }) => this.#unfile(userId, group, text)))
    return leftOver.length > 0
  }
}

function parse(membership: string | null): GroupMembership | undefined {
  return membership === null ? undefined : (JSON.parse(membership) as GroupMembership)
}
