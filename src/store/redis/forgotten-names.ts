import type { RedisConnection } from './connections.js'
import { type Keys, PARTITIONS } from './keys.js'

export interface ForgottenNamesOptions {
  readonly redis: RedisConnection
  readonly keys: Keys
  /** How long a node that lives has to go on under a new name. */
  readonly graceMs: number
}

/**
 * Redis may lose the lease of a node and not what stands under its name, or take more of it afterwards: if the node dies
 * before it learns of that, no lease runs out. Finds names in the presence that have no lease, and leaves them to be
 * buried when the grace is over. Idempotent; rejects where Redis does not answer.
 */
export async function condemnForgotten({ redis, keys, graceMs }: ForgottenNamesOptions): Promise<void> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
  const holders = await Promise.all(partitions.map((partition) => redis.smembers(keys.holders(partition))))
  const names = new Set(holders.flat())
  if (names.size > 0) await redis.rcCondemn(keys.leases, keys.dead, graceMs, ...names)
}
