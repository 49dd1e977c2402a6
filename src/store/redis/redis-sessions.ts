import type { Clock } from '../../clock.js'
import { answered } from '../answered.js'
import {
  type OwnedSession,
  PREVIOUS_TOKEN_MS,
  type SessionRooms,
  type Sessions,
  type TakenSession,
  type TakeRequest
} from '../sessions.js'
import type { RedisConnection } from './connections.js'
import type { Keys } from './keys.js'
import type { RedisNodes } from './redis-nodes.js'

/** A session that is written to keeps its key for so long; idle ones are written anew long before. */
export const OWNED_TTL_MS = 86_400_000

export interface RedisSessionsOptions {
  readonly redis: RedisConnection
  readonly keys: Keys
  readonly clock: Clock
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
    return this.#options.nodes.name
  }

  async save({ sessionId, userId, generation, tokenHash, rooms, removalId }: OwnedSession): Promise<boolean> {
    const { redis, keys } = this.#options
    const fields = [generation, userId, tokenHash, this.owner, JSON.stringify(rooms), removalId ?? '', OWNED_TTL_MS]
    return (await answered(redis.rcSaveSession(keys.session(sessionId), ...fields))) === 1
  }

  async take({ sessionId, userId, tokenHash, nextTokenHash }: TakeRequest): Promise<TakenSession | undefined> {
    const { redis, keys, clock } = this.#options
    const key = keys.session(sessionId)
    const [owner, releasedAt, ofUser] = await answered(redis.hmget(key, 'owner', 'released', 'user'))
    if (owner === null || owner === undefined || (await this.#isExpired(owner, releasedAt))) return undefined
    // A session never changes its user.
    if (userId !== null && userId !== ofUser) return undefined
    const now = clock.now()
    const reply = redis.rcTakeSession(key, tokenHash, nextTokenHash, this.owner, now, PREVIOUS_TOKEN_MS, OWNED_TTL_MS)
    const taken = await answered(reply)
    if (taken === null) return undefined
    const [generation, storedUser, roomsText, formerOwner, removalId] = taken
    const rooms = JSON.parse(roomsText) as SessionRooms
    const owned = { sessionId, userId: storedUser, generation: Number(generation), tokenHash: nextTokenHash, rooms }
    return { session: removalId === '' ? owned : { ...owned, removalId }, formerOwner }
  }

  async release(sessionId: string, generation: number): Promise<void> {
    const { redis, keys, clock, ttlMs } = this.#options
    await answered(redis.rcReleaseSession(keys.session(sessionId), generation, clock.now(), Math.max(ttlMs, 1)))
  }

  async end(sessionId: string, generation: number): Promise<void> {
    const { redis, keys } = this.#options
    await answered(redis.rcEndSession(keys.session(sessionId), generation))
  }

  /** Where nobody released it, its time runs from the end of its owner's lease. */
  async #isExpired(owner: string, releasedAt: string | null | undefined): Promise<boolean> {
    const { clock, nodes, ttlMs } = this.#options
    // A released one has a time to live in Redis itself.
    if (releasedAt !== null && releasedAt !== undefined) return clock.now() - Number(releasedAt) >= ttlMs
    const endedAt = await nodes.endOfLease(owner)
    return endedAt === undefined || clock.now() - endedAt >= ttlMs
  }
}
