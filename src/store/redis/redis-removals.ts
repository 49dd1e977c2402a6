import { answered } from '../answered.js'
import type { NewestRemovals, Removals } from '../removals.js'
import type { RedisConnection } from './connections.js'
import type { Keys } from './keys.js'

/** No room has this name. */
const WHOLE_USER = ''

/** Removals over all nodes. */
export class RedisRemovals implements Removals {
  readonly #redis: RedisConnection
  readonly #keys: Keys
  readonly #ttlMs: number

  constructor(redis: RedisConnection, keys: Keys, ttlMs: number) {
    this.#redis = redis
    this.#keys = keys
    this.#ttlMs = ttlMs
  }

  async record(removalId: string, userId: string, room = WHOLE_USER): Promise<void> {
    const key = this.#keys.removals(userId)
    // Older ones of the same user live on with it: nobody is removed twice by that.
    await answered(this.#redis.rcRecordRemoval(key, room, removalId, this.#ttlMs))
  }

  async newest(userId: string, rooms: readonly string[]): Promise<NewestRemovals> {
    const found = await answered(this.#redis.hmget(this.#keys.removals(userId), WHOLE_USER, ...rooms))
    const [user, ...ofRooms] = found.map((removalId) => removalId ?? undefined)
    return { user, rooms: ofRooms }
  }
}
