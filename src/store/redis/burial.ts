import type { RoomDeparture } from '../nodes.js'
import type { RedisConnection } from './connections.js'
import { type Keys, PARTITIONS } from './keys.js'
import { onlineKeys, roomKeys } from './redis-presence.js'

/** How long one node may be at a burial without a sign before another goes on with it. */
export const CLAIM_MS = 10_000
/** How often it gives one. */
const HOLD_PERIOD_MS = 2000
/** How long nothing may be written under a name that was buried: longer than any command can be on its way. */
const FENCE_TTL_MS = 86_400_000
/** Members of a dead node that are removed in one step. */
const PAGE = 500
/** Partitions cleared side by side: what Redis has to do at once stays little. */
const WIDTH = 16

export interface BurialOptions {
  readonly redis: RedisConnection
  readonly keys: Keys
  /** Of the dead node. */
  readonly node: string
  readonly now: () => number
  readonly monotonic: () => number
  /** How long it is known when a user was there last. */
  readonly seenTtlMs: number
  readonly onDeparture: (departure: RoomDeparture) => void
}

/**
 * Removes what a dead node has in the presence: room by room, in pages. Each step is complete in itself, so that another
 * node may go on at any point, even beside this one: every departure is told by the step that made it, and so once at
 * most.
 */
export class Burial {
  readonly #options: BurialOptions
  #heldAt: number

  constructor(options: BurialOptions) {
    this.#options = options
    this.#heldAt = options.monotonic()
  }

  /** Rejects where Redis does not answer; what was removed so far stays so. */
  async run(): Promise<void> {
    const { redis, keys, node } = this.#options
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    // From here on nothing is added any more.
    await Promise.all(partitions.map((partition) => redis.set(keys.fence(partition, node), 1, 'PX', FENCE_TTL_MS)))
    for (let start = 0; start < PARTITIONS; start += WIDTH) {
      await Promise.all(partitions.slice(start, start + WIDTH).map((partition) => this.#clear(partition)))
    }
    await redis.zrem(keys.dead, node)
  }

  async #clear(partition: number): Promise<void> {
    const { redis, keys, node } = this.#options
    await this.#clearRooms(partition)
    await this.#clearOnline(partition)
    await redis.srem(keys.holders(partition), node)
  }

  async #clearRooms(partition: number): Promise<void> {
    const { redis, keys, node } = this.#options
    for (;;) {
      const rooms = await redis.srandmember(keys.nodeRooms(partition, node), PAGE)
      if (rooms.length === 0) return
      for (const room of rooms) await this.#clearRoom(room)
    }
  }

  async #clearRoom(room: string): Promise<void> {
    const { redis, keys, node, onDeparture } = this.#options
    let [cursor, left] = ['0', 1]
    while (left > 0) {
      await this.#hold()
      const answer = await redis.rcClearRoom(...roomKeys(keys, room, node), room, PAGE, cursor)
      const [, , users, userIds] = answer
      ;[cursor, left] = answer
      if (userIds.length > 0) onDeparture({ room, userIds, users })
    }
  }

  async #clearOnline(partition: number): Promise<void> {
    const { redis, keys, node, now, seenTtlMs } = this.#options
    let [cursor, left] = ['0', 1]
    while (left > 0) {
      await this.#hold()
      ;[cursor, left] = await redis.rcClearOnline(...onlineKeys(keys, partition, node), now(), seenTtlMs, PAGE, cursor)
    }
  }

  /** A long one is not to be begun by another meanwhile. */
  async #hold(): Promise<void> {
    const { redis, keys, node, monotonic } = this.#options
    if (monotonic() - this.#heldAt < HOLD_PERIOD_MS) return
    this.#heldAt = monotonic()
    await redis.rcHoldDead(keys.dead, node, CLAIM_MS)
  }
}
