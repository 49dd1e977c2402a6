/*
 * A membership stands in two partitions, the group's and the user's. The group's side is the truth; the user's side is
 * written before it and removed after it, so that it names every group that the user is in, and sometimes one more.
 */

/**
 * KEYS groups of the user; ARGV group, `ID ADDED_AT_MS` of the membership, groups at most. Answers what is filed, nil
 * where no more may be.
 */
const fileGroup = /* lua */ `
  local known = redis.call('HGET', KEYS[1], ARGV[1])
  if known then return known end
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return nil end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  return ARGV[2]
`

/** KEYS groups of the user; ARGV group, `ID ADDED_AT_MS`. Another membership stays filed. */
const unfileGroup = /* lua */ `
  if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
`

/** KEYS members, names of members; ARGV user, membership. Answers the membership that stands there. */
const addMember = /* lua */ `
  if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 then
    redis.call('ZADD', KEYS[2], 0, ARGV[1])
    return ARGV[2]
  end
  return redis.call('HGET', KEYS[1], ARGV[1])
`

/** KEYS members, names of members; ARGV user. Answers the membership that stood there, or nil. */
const dropMember = /* lua */ `
  local membership = redis.call('HGET', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return membership
`

export const groupScripts = {
  rcFileGroup: { lua: fileGroup, numberOfKeys: 1 },
  rcUnfileGroup: { lua: unfileGroup, numberOfKeys: 1 },
  rcAddMember: { lua: addMember, numberOfKeys: 2 },
  rcDropMember: { lua: dropMember, numberOfKeys: 2 }
} as const
