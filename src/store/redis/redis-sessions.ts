import { answered } from '../answered.js'
import {
  type Holding,
  type OwnedSession,
  PREVIOUS_TOKEN_MS,
  type SessionRooms,
  type Sessions,
  type TakenSession,
  type TakeRequest
} from '../sessions.js'
import type { RedisConnection } from './connections.js'
import { type Keys, partitionOf } from './keys.js'
import { nodeIdOf, type RedisNodes } from './redis-nodes.js'

/** A session that is written to keeps its key for so long; idle ones are written anew long before. */
export const OWNED_TTL_MS = 86_400_000

export interface RedisSessionsOptions {
  readonly redis: RedisConnection
  readonly keys: Keys
  readonly nodes: RedisNodes
  readonly ttlMs: number
}

/** Sessions over all nodes. */
export class RedisSessions implements Sessions {
  readonly #options: RedisSessionsOptions

  constructor(options: RedisSessionsOptions) {
    this.#options = options
  }

  get owner(): string {
    return this.#options.nodes.nodeId
  }

  async save({ sessionId, userId, generation, tokenHash, rooms, removalId }: OwnedSession): Promise<boolean> {
    const { redis, nodes } = this.#options
    const fields = [generation, userId, tokenHash, nodes.name, JSON.stringify(rooms), removalId ?? '', OWNED_TTL_MS]
    return (await answered(redis.rcSaveSession(...this.#keysOf(sessionId), ...fields))) === 1
  }

  async reclaim(sessions: readonly OwnedSession[]): Promise<Holding[]> {
    const { redis, nodes } = this.#options
    const replies = sessions.map(({ sessionId, generation }) =>
      redis.rcReclaimSession(...this.#keysOf(sessionId), generation, nodes.name, OWNED_TTL_MS)
    )
    return await answered(Promise.all(replies))
  }

  async take({ sessionId, userId, tokenHash, nextTokenHash }: TakeRequest): Promise<TakenSession | undefined> {
    const { redis, keys, nodes } = this.#options
    const [owner, releasedAt, ofUser] = await answered(
      redis.hmget(keys.session(sessionId), 'owner', 'released', 'user')
    )
    if (owner === null || owner === undefined || (await this.#isExpired(owner, releasedAt))) return undefined
    // A session never changes its user.
    if (userId !== null && userId !== ofUser) return undefined
    const tokens = [tokenHash, nextTokenHash, nodes.name, nodes.nowMs, PREVIOUS_TOKEN_MS, OWNED_TTL_MS]
    const taken = await answered(redis.rcTakeSession(...this.#keysOf(sessionId), ...tokens))
    if (taken === null) return undefined
    const [generation, storedUser, roomsText, formerName, removalId] = taken
    const formerOwner = nodeIdOf(formerName)
    const rooms = JSON.parse(roomsText) as SessionRooms
    const owned = { sessionId, userId: storedUser, generation: Number(generation), tokenHash: nextTokenHash, rooms }
    return { session: removalId === '' ? owned : { ...owned, removalId }, formerOwner }
  }

  async release(sessionId: string, generation: number): Promise<void> {
    const { redis, keys, nodes, ttlMs } = this.#options
    await answered(redis.rcReleaseSession(keys.session(sessionId), generation, nodes.nowMs, Math.max(ttlMs, 1)))
  }

  async end(sessionId: string, generation: number): Promise<void> {
    const { redis, keys } = this.#options
    await answered(redis.rcEndSession(keys.session(sessionId), generation))
  }

  /** Where nobody released it, its time runs from the end of its owner's lease. */
  async #isExpired(owner: string, releasedAt: string | null | undefined): Promise<boolean> {
    const { nodes, ttlMs } = this.#options
    // A released one has a time to live in Redis itself.
    if (releasedAt !== null && releasedAt !== undefined) return nodes.nowMs - Number(releasedAt) >= ttlMs
    const endedAt = await nodes.endOfLease(owner)
    return endedAt === undefined || nodes.nowMs - endedAt >= ttlMs
  }

  /** The session's, and the one that forbids to write under this node's name. */
  #keysOf(sessionId: string): [string, string] {
    const { keys, nodes } = this.#options
    return [keys.session(sessionId), keys.fence(partitionOf(sessionId), nodes.name)]
  }
}
