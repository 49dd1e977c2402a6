import { answered } from '../answered.js'
import type { Counts, Member, Membership, PageQuery, Presence, PresenceChange, RoomCounts } from '../presence.js'
import type { RedisConnection } from './connections.js'
import { type Keys, PARTITIONS, partitionOf } from './keys.js'
import { pagesByPartition } from './partition-pages.js'

/** Rooms that one script counts. */
const COUNT_PAGE = 500
/** Partitions asked at once when rooms are listed. */
const LISTING_WIDTH = 32

export interface RedisPresenceOptions {
  readonly redis: RedisConnection
  readonly keys: Keys
  /** This node's present name: it changes when its lease was lost. */
  readonly node: () => string
  readonly now: () => number
  /** How long it is known when a user was there last. */
  readonly seenTtlMs: number
}

/** Presence over all nodes. What a node has in it stands under the node's name, so that another can bury it. */
export class RedisPresence implements Presence {
  readonly #redis: RedisConnection
  readonly #keys: Keys
  readonly #node: () => string
  readonly #now: () => number
  readonly #seenTtlMs: number

  constructor({ redis, keys, node, now, seenTtlMs }: RedisPresenceOptions) {
    this.#redis = redis
    this.#keys = keys
    this.#node = node
    this.#now = now
    this.#seenTtlMs = seenTtlMs
  }

  async join(memberships: readonly Membership[]): Promise<PresenceChange[]> {
    const node = this.#node()
    const replies = memberships.map(({ room, connectionId, userId }) => {
      const partition = partitionOf(room)
      const keys = [
        ...roomKeys(this.#keys, room, node),
        this.#keys.fence(partition, node),
        this.#keys.holders(partition)
      ]
      return this.#redis.rcJoinRoom(...keys, room, connectionId, userId, this.#now(), node)
    })
    return changesOf(memberships, await answered(Promise.all(replies)))
  }

  async leave(memberships: readonly Membership[]): Promise<PresenceChange[]> {
    const replies = memberships.map(({ room, connectionId }) =>
      this.#redis.rcLeaveRoom(...roomKeys(this.#keys, room, this.#node()), room, connectionId)
    )
    return changesOf(memberships, await answered(Promise.all(replies)))
  }

  async counts(rooms: readonly string[]): Promise<Counts[]> {
    const counts = new Map<string, Counts>()
    const pages = [...pagesByPartition(rooms, COUNT_PAGE)]
    await answered(Promise.all(pages.map((page) => this.#countPage(page, counts))))
    return rooms.map((room) => counts.get(room) ?? { users: 0, connections: 0 })
  }

  async members(
    room: string,
    { limit, cursor }: PageQuery
  ): Promise<{
    members: Member[]
    nextCursor: string | undefined
  }> {
    const start = cursor === undefined ? '-' : `(${cursor}`
    const key = this.#keys.userNames(room)
    const names = await answered(this.#redis.zrangebylex(key, start, '+', 'LIMIT', 0, limit + 1))
    const page = names.slice(0, limit)
    const states = page.length === 0 ? [] : await answered(this.#redis.hmget(this.#keys.users(room), ...page))
    // One who left in between has no state any more.
    const members = page.flatMap((userId, index) => memberOf(userId, states[index]) ?? [])
    return { members, nextCursor: names.length > limit ? page.at(-1) : undefined }
  }

  async rooms({ prefix, limit, cursor }: PageQuery & { prefix: string }): Promise<{
    rooms: RoomCounts[]
    nextCursor: string | undefined
  }> {
    let { partition, name } = parseRoomCursor(cursor)
    const found: Array<{ partition: number; room: string }> = []
    while (partition < PARTITIONS && found.length <= limit) {
      const width = Math.min(LISTING_WIDTH, PARTITIONS - partition)
      const listed = await answered(this.#listRooms(partition, width, prefix, name, limit + 1))
      found.push(...listed)
      partition += width
      name = undefined
    }
    const page = found.slice(0, limit)
    const counts = await this.counts(page.map(({ room }) => room))
    const last = page.at(-1)
    return {
      rooms: page.map(({ room }, index) => ({ room, users: 0, connections: 0, ...counts[index] })),
      nextCursor: found.length > limit && last !== undefined ? `${last.partition}/${last.room}` : undefined
    }
  }

  async connect(connectionId: string, userId: string): Promise<void> {
    const partition = partitionOf(userId)
    const node = this.#node()
    const [online, nodeOnline] = onlineKeys(this.#keys, partition, node)
    const keys = [online, nodeOnline, this.#keys.fence(partition, node), this.#keys.holders(partition)]
    await answered(this.#redis.rcConnectUser(...keys, connectionId, userId, node))
  }

  async disconnect(connectionId: string, userId: string): Promise<void> {
    const partition = partitionOf(userId)
    const keys = onlineKeys(this.#keys, partition, this.#node())
    await answered(this.#redis.rcDisconnectUser(...keys, this.#now(), this.#seenTtlMs, connectionId))
  }

  async lastSeen(userId: string): Promise<number | undefined> {
    const seenAt = await answered(this.#redis.get(this.#keys.seen(partitionOf(userId), userId)))
    return seenAt === null ? undefined : Number(seenAt)
  }

  async connections(userIds: readonly string[]): Promise<number[]> {
    const replies = userIds.map((userId) => this.#redis.hget(this.#keys.online(partitionOf(userId)), userId))
    return (await answered(Promise.all(replies))).map(Number)
  }

  async totals(): Promise<{ users: number; rooms: number }> {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    const users = partitions.map((partition) => this.#redis.hlen(this.#keys.online(partition)))
    const rooms = partitions.map((partition) => this.#redis.zcard(this.#keys.rooms(partition)))
    const [userCounts, roomCounts] = await answered(Promise.all([Promise.all(users), Promise.all(rooms)]))
    return { users: sum(userCounts), rooms: sum(roomCounts) }
  }

  /** Rooms of one partition. */
  async #countPage(rooms: readonly string[], counts: Map<string, Counts>): Promise<void> {
    const connections = this.#keys.roomConnections(partitionOf(rooms[0] ?? ''))
    const keys = [connections, ...rooms.map((room) => this.#keys.users(room))]
    const answer = await this.#redis.rcCountRooms(keys.length, ...keys, ...rooms)
    for (const [index, room] of rooms.entries()) {
      counts.set(room, { users: answer[2 * index] ?? 0, connections: answer[2 * index + 1] ?? 0 })
    }
  }

  async #listRooms(
    partition: number,
    width: number,
    prefix: string,
    after: string | undefined,
    limit: number
  ): Promise<Array<{ partition: number; room: string }>> {
    // No byte of UTF-8 is 0xff: this is behind every name with the prefix.
    const end = Buffer.concat([Buffer.from(`(${prefix}`), Buffer.from([0xff])])
    const replies = Array.from({ length: width }, (_, index) => {
      const start = index === 0 && after !== undefined && after >= prefix ? `(${after}` : `[${prefix}`
      return this.#redis.zrangebylex(this.#keys.rooms(partition + index), start, end, 'LIMIT', 0, limit)
    })
    const listed = await Promise.all(replies)
    return listed.flatMap((rooms, index) => rooms.map((room) => ({ partition: partition + index, room })))
  }
}

/** The keys of the scripts that leave and clear, in their order; joining needs two more. */
export function roomKeys(keys: Keys, room: string, node: string): [string, string, string, string, string, string] {
  const partition = partitionOf(room)
  return [
    keys.users(room),
    keys.nodeMembers(room, node),
    keys.rooms(partition),
    keys.roomConnections(partition),
    keys.nodeRooms(partition, node),
    keys.userNames(room)
  ]
}

/** The keys of the scripts that disconnect users, in their order. */
export function onlineKeys(keys: Keys, partition: number, node: string): [string, string, string] {
  return [keys.online(partition), keys.nodeOnline(partition, node), keys.seen(partition, '')]
}

function changesOf(
  memberships: readonly Membership[],
  replies: Array<[changed: number, users: number, connections: number]>
): PresenceChange[] {
  return memberships.map(({ room, userId }, index) => {
    const [changed, users, connections] = replies[index] ?? [0, 0, 0]
    return { room, userId, userChanged: changed === 1, users, connections }
  })
}

function memberOf(userId: string, state: string | null | undefined): Member | undefined {
  if (state === null || state === undefined) return undefined
  const [connections = 0, joinedAt = 0] = state.split(':').map(Number)
  return { userId, connections, joinedAt }
}

function parseRoomCursor(cursor = ''): { partition: number; name: string | undefined } {
  const [, partition = '0', name] = /^(\d{1,3})\/(.*)$/s.exec(cursor) ?? []
  return { partition: Number(partition), name }
}

function sum(counts: number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
