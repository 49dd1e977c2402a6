/*
 * A membership stands in two partitions, the group's and the user's. The group's side is the truth. The user's side is
 * written before it and removed after it, each membership under its own id, so that nobody takes away what another has
 * written: it names every membership of the user, and sometimes one more.
 */

/**
 * KEYS groups of the user; ARGV group, id of the membership, added at ms, groups at most. Answers 1, or 0 where the user
 * has as many other groups already.
 */
const fileGroup = /* lua */ `
  local seen, others = { [ARGV[1]] = true }, 0
  for _, filed in ipairs(redis.call('HKEYS', KEYS[1])) do
    local group = string.match(filed, '^([^\\n]*)')
    if not seen[group] then others = others + 1 end
    seen[group] = true
  end
  if others >= tonumber(ARGV[4]) then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1] .. '\\n' .. ARGV[2], ARGV[3])
  return 1
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
  rcAddMember: { lua: addMember, numberOfKeys: 2 },
  rcDropMember: { lua: dropMember, numberOfKeys: 2 }
} as const
