/** Commands that the server and its scripts send, in the words of Redis' ACL. */
export const commandsUsed = [
  // The connection.
  'client|setname',
  'info',
  'ping',
  'select',
  // Scripts.
  'eval',
  'evalsha',
  'script|load',
  'time',
  // Pub/sub.
  'publish',
  'subscribe',
  'unsubscribe',
  // Keys.
  'del',
  'exists',
  'pexpire',
  'unlink',
  // Strings.
  'get',
  'mget',
  'set',
  // Hashes.
  'hdel',
  'hget',
  'hgetall',
  'hincrby',
  'hkeys',
  'hlen',
  'hmget',
  'hscan',
  'hset',
  'hsetnx',
  // Sets and sorted sets.
  'sadd',
  'smembers',
  'srandmember',
  'srem',
  'zadd',
  'zcard',
  'zcount',
  'zrange',
  'zrangebylex',
  'zrangebyscore',
  'zrem',
  'zremrangebyscore',
  'zscore',
  // Streams.
  'xack',
  'xadd',
  'xdel',
  'xgroup|create',
  'xinfo|stream',
  'xlen',
  'xrange',
  'xread',
  'xreadgroup',
  'xrevrange',
  'xtrim'
] as const

/**
 * What a user of Redis has to be allowed, as arguments of `ACL SETUSER`: keys and channels that begin with the prefix,
 * and `commandsUsed`. Name, password and `on` stand before it. `prefix` may be a pattern.
 */
export function aclRule(prefix: string): string[] {
  const commands = commandsUsed.map((command) => `+${command}`)
  return ['resetchannels', `~${prefix}:*`, `&${prefix}:*`, '-@all', ...commands]
}
