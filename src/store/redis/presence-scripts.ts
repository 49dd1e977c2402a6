import { ANONYMOUS_PREFIX } from '../../protocol/ids.js'

/*
 * What a node has in the presence stands under the node's name. Once that name is being buried nothing more may be
 * written under it: a command that was long on its way would leave a ghost that nobody removes. And nothing is written
 * under a name that is not listed: Redis may lose the node's lease and keep, or take, what stands under its name.
 */

/** Refuses the writing of a node that counts as dead. Answers an error to be given back, or nothing. */
export const refuseBuried = /* lua */ `
  local function refuse_buried (fence)
    if redis.call('EXISTS', fence) == 1 then return redis.error_reply('BURIED this node counts as dead') end
  end
`

/**
 * KEYS users, members of the node, rooms, connections by room, rooms of the node, names of users, fence, holders; ARGV
 * room, connection, user, now ms, node.
 * Answers {user changed, users, connections}.
 */
const joinRoom = /* lua */ `
  ${refuseBuried}
  local refusal = refuse_buried(KEYS[7])
  if refusal then return refusal end
  local changed = 0
  if redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3]) == 1 then
    local connections, joined_at = string.match(redis.call('HGET', KEYS[1], ARGV[3]) or '', '^(%d+):(%d+)$')
    if not connections then
      changed = 1
      redis.call('ZADD', KEYS[6], 0, ARGV[3])
    end
    redis.call('HSET', KEYS[1], ARGV[3], string.format('%.0f:%s', (connections or 0) + 1, joined_at or ARGV[4]))
    redis.call('HINCRBY', KEYS[4], ARGV[1], 1)
    redis.call('ZADD', KEYS[3], 0, ARGV[1])
    if redis.call('SADD', KEYS[5], ARGV[1]) == 1 then redis.call('SADD', KEYS[8], ARGV[5]) end
  end
  return { changed, redis.call('HLEN', KEYS[1]), tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or 0) }
`

/** Takes one connection out of a room; answers its user where that left with it, else false. Keys as `joinRoom`. */
const removeMember = /* lua */ `
  local function remove_member (keys, room, connection)
    local user = redis.call('HGET', keys[2], connection)
    if not user then return false end
    redis.call('HDEL', keys[2], connection)
    if redis.call('HINCRBY', keys[4], room, -1) <= 0 then
      redis.call('HDEL', keys[4], room)
      redis.call('ZREM', keys[3], room)
    end
    if redis.call('EXISTS', keys[2]) == 0 then redis.call('SREM', keys[5], room) end
    local connections, joined_at = string.match(redis.call('HGET', keys[1], user) or '', '^(%d+):(%d+)$')
    -- One who is not counted any more has left before: once is enough.
    if not connections then return false end
    if tonumber(connections) > 1 then
      redis.call('HSET', keys[1], user, string.format('%.0f:%s', connections - 1, joined_at))
      return false
    end
    redis.call('HDEL', keys[1], user)
    redis.call('ZREM', keys[6], user)
    return user
  end
`

/** KEYS as joinRoom, the last two not needed; ARGV room, connection. Answers {user changed, users, connections}. */
const leaveRoom = /* lua */ `
  ${removeMember}
  local user = remove_member(KEYS, ARGV[1], ARGV[2])
  local connections = tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or 0)
  return { user and 1 or 0, redis.call('HLEN', KEYS[1]), connections }
`

/**
 * KEYS as leaveRoom, of a dead node; ARGV room, page size, cursor. Answers {next cursor, connections left over, users,
 * {user that left …}}.
 */
const clearRoom = /* lua */ `
  ${removeMember}
  local gone = {}
  local scanned = redis.call('HSCAN', KEYS[2], ARGV[3], 'COUNT', ARGV[2])
  for index = 1, #scanned[2], 2 do
    local user = remove_member(KEYS, ARGV[1], scanned[2][index])
    if user then gone[#gone + 1] = user end
  end
  local left = redis.call('HLEN', KEYS[2])
  if left == 0 then redis.call('SREM', KEYS[5], ARGV[1]) end
  -- As a list of its own: Lua unpacks some thousands at most.
  return { scanned[1], left, redis.call('HLEN', KEYS[1]), gone }
`

/** KEYS connections by room, users of each room, all of one partition; ARGV room …. Answers {users, connections …}. */
const countRooms = /* lua */ `
  local counts = {}
  for index, room in ipairs(ARGV) do
    counts[#counts + 1] = redis.call('HLEN', KEYS[index + 1])
    counts[#counts + 1] = tonumber(redis.call('HGET', KEYS[1], room) or 0)
  end
  return counts
`

/** KEYS online, online of the node, fence, holders; ARGV connection, user, node. */
const connectUser = /* lua */ `
  ${refuseBuried}
  local refusal = refuse_buried(KEYS[3])
  if refusal then return refusal end
  if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 0 then return end
  redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
  if redis.call('HLEN', KEYS[2]) == 1 then redis.call('SADD', KEYS[4], ARGV[3]) end
`

/**
 * Takes one connection of a user off. Keys: online, online of the node, beginning of the keys that tell when a user was
 * there last.
 */
const removeOnline = /* lua */ `
  local function remove_online (keys, connection, now, ttl)
    local user = redis.call('HGET', keys[2], connection)
    if not user then return end
    redis.call('HDEL', keys[2], connection)
    if redis.call('HINCRBY', keys[1], user, -1) > 0 then return end
    redis.call('HDEL', keys[1], user)
    -- Nobody comes back under an anonymous name.
    if string.sub(user, 1, ${ANONYMOUS_PREFIX.length}) ~= '${ANONYMOUS_PREFIX}' then
      redis.call('SET', keys[3] .. user, now, 'PX', ttl)
    end
  end
`

/** KEYS as removeOnline; ARGV now ms, ttl ms, connection. */
const disconnectUser = /* lua */ `
  ${removeOnline}
  remove_online(KEYS, ARGV[3], ARGV[1], ARGV[2])
`

/** KEYS as removeOnline, of a dead node; ARGV now ms, ttl ms, page size, cursor. Answers {next cursor, left over}. */
const clearOnline = /* lua */ `
  ${removeOnline}
  local scanned = redis.call('HSCAN', KEYS[2], ARGV[4], 'COUNT', ARGV[3])
  for index = 1, #scanned[2], 2 do remove_online(KEYS, scanned[2][index], ARGV[1], ARGV[2]) end
  return { scanned[1], redis.call('HLEN', KEYS[2]) }
`

export const presenceScripts = {
  rcJoinRoom: { lua: joinRoom, numberOfKeys: 8 },
  rcLeaveRoom: { lua: leaveRoom, numberOfKeys: 6 },
  rcClearRoom: { lua: clearRoom, numberOfKeys: 6 },
  rcCountRooms: { lua: countRooms },
  rcConnectUser: { lua: connectUser, numberOfKeys: 4 },
  rcDisconnectUser: { lua: disconnectUser, numberOfKeys: 3 },
  rcClearOnline: { lua: clearOnline, numberOfKeys: 3 }
} as const
