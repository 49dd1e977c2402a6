import { startRedis, type TestRedis } from '../../test/support/redis-server.js'
import type { Scope } from '../../test/support/scope.js'
import { moveToCore } from './cores.js'

/** A Redis of its own that keeps nothing on the disk. */
export async function startRedisOn(scope: Scope, core: number | undefined): Promise<TestRedis> {
  const redis = await startRedis(scope)
  moveToCore(core, redis.process.pid)
  return redis
}
