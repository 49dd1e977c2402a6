import { ANONYMOUS_PREFIX } from '../../protocol/ids.js'
import { FORKS_MAX } from '../continuity.js'
import { PAGE_BYTES_MAX } from '../streams.js'
import { cursorScripts } from './cursor-scripts.js'
import { groupScripts } from './group-scripts.js'

/*
 * Each changing step is one script: all checks come before the first write, as Redis rolls nothing back. Offsets are
 * formatted by hand, because Lua prints large numbers with an exponent.
 */

/**
 * Begins the channel's epoch where it has none, and forks it where another run of Redis wrote it last: what that run
 * had beyond the present top may be lost (protocol.md 2.8).
 */
const openChannel = /* lua */ `
  local function open (meta, log, new_epoch, run)
    local known = redis.call('HMGET', meta, 'epoch', 'offset', 'run', 'forks')
    local epoch, offset, forks = known[1], known[2], known[4]
    if not epoch then
      -- A log without its meta is of a history that nobody can name any more.
      redis.call('DEL', log)
      redis.call('HSET', meta, 'epoch', new_epoch, 'offset', '0', 'run', run)
      return new_epoch, '0'
    end
    if known[3] ~= run then
      local kept = {}
      for fork in string.gmatch(forks or '', '%S+') do kept[#kept + 1] = fork end
      kept[#kept + 1] = epoch .. ':' .. offset
      while #kept > ${FORKS_MAX} do table.remove(kept, 1) end
      redis.call('HSET', meta, 'epoch', new_epoch, 'run', run, 'forks', table.concat(kept, ' '))
      epoch = new_epoch
    end
    return epoch, offset
  end
`

const nowMs = /* lua */ `
  local function now_ms ()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
`

/**
 * KEYS meta log receipt; ARGV topic, tail, new epoch, run, timestamp, size, ttl ms, meta ttl ms, receipt ttl ms.
 * Answers {duplicate, epoch, offset, timestamp}.
 */
export const publishScript = /* lua */ `
  ${openChannel}
  ${nowMs}
  local receipt = redis.call('GET', KEYS[3])
  if receipt then
    local epoch, offset, timestamp = string.match(receipt, '^(%S+) (%S+) (%S+)$')
    return { 1, epoch, offset, timestamp }
  end
  redis.call('XLEN', KEYS[2])
  local epoch, top = open(KEYS[1], KEYS[2], ARGV[3], ARGV[4])
  local offset = string.format('%.0f', top + 1)
  local record = 'm1\\n' .. epoch .. '\\n' .. offset .. '\\n' .. ARGV[2]
  if tonumber(ARGV[6]) > 0 and tonumber(ARGV[7]) > 0 then
    local id = offset .. '-' .. string.format('%.0f', now_ms())
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], id, 'r', record)
    redis.call('PEXPIRE', KEYS[2], ARGV[7])
  else
    redis.call('DEL', KEYS[2])
  end
  redis.call('HSET', KEYS[1], 'offset', offset, 'size', ARGV[6], 'ttl', ARGV[7])
  redis.call('PEXPIRE', KEYS[1], ARGV[8])
  redis.call('SET', KEYS[3], epoch .. ' ' .. offset .. ' ' .. ARGV[5], 'PX', ARGV[9])
  redis.call('PUBLISH', ARGV[1], record)
  return { 0, epoch, offset, ARGV[5] }
`

/**
 * KEYS meta log of each channel, all of one partition; ARGV beginning of new epochs, run, grace ms. Answers {epoch,
 * offset …}.
 */
const touch = /* lua */ `
  ${openChannel}
  local tops = {}
  for index = 1, #KEYS, 2 do
    local epoch, offset = open(KEYS[index], KEYS[index + 1], ARGV[1] .. index, ARGV[2])
    local ttl = redis.call('HGET', KEYS[index], 'ttl') or '0'
    redis.call('PEXPIRE', KEYS[index], string.format('%.0f', ttl + ARGV[3]))
    tops[#tops + 1] = epoch
    tops[#tops + 1] = offset
  end
  return tops
`

/**
 * The first offset of a log that is not too old, top + 1 where none is; drops what lies before. Offsets have no hole and
 * their times hardly ever go back, so halving finds it.
 */
const oldestKept = /* lua */ `
  local function entry_from (log, id)
    local entry = redis.call('XRANGE', log, id, '+', 'COUNT', 1)[1]
    if not entry then return end
    local offset, ms = string.match(entry[1], '^(%d+)-(%d+)$')
    return tonumber(offset), tonumber(ms)
  end

  local function oldest_kept (log, top, horizon)
    local first, ms = entry_from(log, '-')
    if not first then return top + 1 end
    if ms > horizon then return first end
    local low, high = first + 1, top + 1
    while low < high do
      local middle = math.floor((low + high) / 2)
      local offset, at = entry_from(log, string.format('%.0f', middle))
      if offset and at > horizon then high = middle else low = middle + 1 end
    end
    redis.call('XTRIM', log, 'MINID', string.format('%.0f', low))
    return low
  end
`

/** Entries of a log, up to a number and a size. */
const collectEntries = /* lua */ `
  local function collect (command, log, from, to, limit)
    local entries, bytes = {}, 0
    while #entries < limit do
      local asked = math.min(limit - #entries, 64)
      local chunk = redis.call(command, log, from, to, 'COUNT', asked)
      for _, entry in ipairs(chunk) do
        bytes = bytes + #entry[2][2]
        if #entries > 0 and bytes > ${PAGE_BYTES_MAX} then return entries end
        entries[#entries + 1] = entry
      end
      if #chunk < asked then break end
      from = '(' .. chunk[#chunk][1]
    end
    return entries
  end
`

/**
 * KEYS meta log; ARGV direction (after | before), offset (exclusive; before: empty for the top), limit, offset whose
 * message is wanted besides (empty: none). Drops what is too old first. Answers {epoch, offset, forks, oldest kept,
 * entries, found}; nothing for an unknown channel.
 */
const read = /* lua */ `
  ${nowMs}
  ${oldestKept}
  ${collectEntries}
  local known = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'forks', 'size', 'ttl')
  if not known[1] then return {} end
  local top = tonumber(known[2])

  local oldest = oldest_kept(KEYS[2], top, now_ms() - tonumber(known[5] or '0'))
  oldest = math.max(oldest, top - tonumber(known[4] or '0') + 1)

  local entries = {}
  local limit = tonumber(ARGV[3])
  if limit > 0 and ARGV[1] == 'after' then
    local from = string.format('%.0f', math.max(ARGV[2] + 1, oldest))
    entries = collect('XRANGE', KEYS[2], from, '+', limit)
  elseif limit > 0 then
    local to = ARGV[2] == '' and '+' or string.format('%.0f', math.max(ARGV[2] - 1, 0))
    entries = collect('XREVRANGE', KEYS[2], to, string.format('%.0f', oldest), limit)
  end
  local found = {}
  if ARGV[4] ~= '' then found = redis.call('XRANGE', KEYS[2], ARGV[4], ARGV[4]) end
  return { known[1], known[2], known[3] or '', string.format('%.0f', oldest), entries, found }
`

/**
 * KEYS users, members of the node, rooms, connections by room, rooms of the node, names of users; ARGV room, connection,
 * user, now ms.
 * Answers {user changed, users, connections}.
 */
const joinRoom = /* lua */ `
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
    redis.call('SADD', KEYS[5], ARGV[1])
  end
  return { changed, redis.call('HLEN', KEYS[1]), tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or 0) }
`

/** Takes one connection out of a room; answers whether its user left with it. Keys as `joinRoom`. */
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
    if connections and tonumber(connections) > 1 then
      redis.call('HSET', keys[1], user, string.format('%.0f:%s', connections - 1, joined_at))
      return false
    end
    redis.call('HDEL', keys[1], user)
    redis.call('ZREM', keys[6], user)
    return user
  end
`

/** KEYS as joinRoom; ARGV room, connection. Answers {user changed, users, connections}. */
const leaveRoom = /* lua */ `
  ${removeMember}
  local user = remove_member(KEYS, ARGV[1], ARGV[2])
  local connections = tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or 0)
  return { user and 1 or 0, redis.call('HLEN', KEYS[1]), connections }
`

/** KEYS as joinRoom, of a dead node; ARGV room, page size. Answers {connections left over, users, user that left …}. */
const clearRoom = /* lua */ `
  ${removeMember}
  local gone = {}
  -- A table that many have left is mostly empty: go on until something is found.
  local cursor, page = '0', {}
  repeat
    local scanned = redis.call('HSCAN', KEYS[2], cursor, 'COUNT', ARGV[2])
    cursor, page = scanned[1], scanned[2]
  until #page > 0 or cursor == '0'
  for index = 1, #page, 2 do
    local user = remove_member(KEYS, ARGV[1], page[index])
    if user then gone[#gone + 1] = user end
  end
  local left = redis.call('HLEN', KEYS[2])
  if left == 0 then redis.call('SREM', KEYS[5], ARGV[1]) end
  return { left, redis.call('HLEN', KEYS[1]), unpack(gone) }
`

/** KEYS online, online of the node; ARGV connection, user. */
const connectUser = /* lua */ `
  if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 1 then redis.call('HINCRBY', KEYS[1], ARGV[2], 1) end
`

/**
 * KEYS online, online of the node, beginning of the keys that tell when a user was there last; ARGV now ms, ttl ms,
 * connection …, at most some hundreds.
 */
const disconnectUsers = /* lua */ `
  for index = 3, #ARGV do
    local user = redis.call('HGET', KEYS[2], ARGV[index])
    if user then
      redis.call('HDEL', KEYS[2], ARGV[index])
      if redis.call('HINCRBY', KEYS[1], user, -1) <= 0 then
        redis.call('HDEL', KEYS[1], user)
        -- Nobody comes back under an anonymous name.
        if string.sub(user, 1, ${ANONYMOUS_PREFIX.length}) ~= '${ANONYMOUS_PREFIX}' then
          redis.call('SET', KEYS[3] .. user, ARGV[1], 'PX', ARGV[2])
        end
      end
    end
  end
`

/**
 * KEYS session; ARGV generation, user, token hash, owner, rooms, removal id, ttl ms. Answers 1, or 0 where a later owner
 * has it.
 */
const saveSession = /* lua */ `
  local generation = redis.call('HGET', KEYS[1], 'generation')
  if generation and tonumber(generation) > tonumber(ARGV[1]) then return 0 end
  redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'user', ARGV[2], 'token', ARGV[3], 'owner', ARGV[4], 'rooms', ARGV[5],
    'removal', ARGV[6])
  redis.call('HDEL', KEYS[1], 'released')
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
  return 1
`

/**
 * KEYS session; ARGV token hash, next token hash, owner, now ms, how long the token before works, ttl ms. Answers
 * {generation, user, rooms, former owner, removal id}, or nil where the token does not match.
 */
const takeSession = /* lua */ `
  local known = redis.call('HMGET', KEYS[1], 'token', 'previous', 'previous_until', 'owner', 'user', 'rooms', 'removal')
  if not known[1] then return nil end
  local is_previous = known[2] == ARGV[1] and tonumber(known[3]) > tonumber(ARGV[4])
  if known[1] ~= ARGV[1] and not is_previous then return nil end
  local generation = redis.call('HINCRBY', KEYS[1], 'generation', 1)
  redis.call('HDEL', KEYS[1], 'previous', 'previous_until', 'released')
  redis.call('HSET', KEYS[1], 'token', ARGV[2], 'owner', ARGV[3])
  if not is_previous then
    redis.call('HSET', KEYS[1], 'previous', ARGV[1], 'previous_until', string.format('%.0f', ARGV[4] + ARGV[5]))
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  return { generation, known[5], known[6], known[4], known[7] or '' }
`

/** KEYS session; ARGV generation, now ms, ttl ms. */
const releaseSession = /* lua */ `
  if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return end
  redis.call('HSET', KEYS[1], 'released', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
`

/** KEYS session; ARGV generation. */
const endSession = /* lua */ `
  if redis.call('HGET', KEYS[1], 'generation') == ARGV[1] then redis.call('DEL', KEYS[1]) end
`

/** KEYS removals of a user; ARGV room, removal id, ttl ms. */
const recordRemoval = /* lua */ `
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
`

/** KEYS leases, ended; ARGV node. Answers when its lease ends or ended; nil where it gave it back, or long ago. */
const endOfLease = /* lua */ `
  return redis.call('ZSCORE', KEYS[1], ARGV[1]) or redis.call('ZSCORE', KEYS[2], ARGV[1])
`

/** KEYS leases, connections; ARGV node, lease ms, connections, 1 to take the lease or 0 to renew it. Answers 1 if held. */
const renewLease = /* lua */ `
  ${nowMs}
  if ARGV[4] == '0' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
  redis.call('ZADD', KEYS[1], string.format('%.0f', now_ms() + ARGV[2]), ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
  return 1
`

/** KEYS leases, connections, dead; ARGV node. What it leaves in the presence is removed as a dead node's. */
const dropLease = /* lua */ `
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('ZADD', KEYS[3], 0, ARGV[1])
`

/** KEYS leases, connections, dead, ended; ARGV claim ms, how long the end of a lease is remembered. Hands one dead node to the caller for that long; answers it, or nil. */
const claimDead = /* lua */ `
  ${nowMs}
  local now = now_ms()
  local claimed_until = string.format('%.0f', now + ARGV[1])
  now = string.format('%.0f', now)
  local node = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)[1]
  if node then
    redis.call('ZADD', KEYS[4], redis.call('ZSCORE', KEYS[1], node), node)
    redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', now - ARGV[2]))
    redis.call('PEXPIRE', KEYS[4], ARGV[2])
    redis.call('ZREM', KEYS[1], node)
    redis.call('HDEL', KEYS[2], node)
  else
    node = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 1)[1]
  end
  if node then redis.call('ZADD', KEYS[3], claimed_until, node) end
  return node
`

/** KEYS leases, connections; ARGV node. Answers {nodes alive, connections of the others}. */
const countNodes = /* lua */ `
  ${nowMs}
  local connections = 0
  local counts = redis.call('HGETALL', KEYS[2])
  for index = 1, #counts, 2 do
    if counts[index] ~= ARGV[1] then connections = connections + counts[index + 1] end
  end
  return { redis.call('ZCOUNT', KEYS[1], string.format('%.0f', now_ms()), '+inf'), connections }
`

/** The commands that these scripts become on a connection (ioredis `scripts`; NOSCRIPT is handled there). */
export const scripts = {
  rcTouch: { lua: touch },
  rcRead: { lua: read, numberOfKeys: 2 },
  rcJoinRoom: { lua: joinRoom, numberOfKeys: 6 },
  rcLeaveRoom: { lua: leaveRoom, numberOfKeys: 6 },
  rcClearRoom: { lua: clearRoom, numberOfKeys: 6 },
  rcConnectUser: { lua: connectUser, numberOfKeys: 2 },
  rcDisconnectUsers: { lua: disconnectUsers, numberOfKeys: 3 },
  rcRenewLease: { lua: renewLease, numberOfKeys: 2 },
  rcDropLease: { lua: dropLease, numberOfKeys: 3 },
  rcClaimDead: { lua: claimDead, numberOfKeys: 4 },
  rcSaveSession: { lua: saveSession, numberOfKeys: 1 },
  rcTakeSession: { lua: takeSession, numberOfKeys: 1 },
  rcReleaseSession: { lua: releaseSession, numberOfKeys: 1 },
  rcEndSession: { lua: endSession, numberOfKeys: 1 },
  rcRecordRemoval: { lua: recordRemoval, numberOfKeys: 1 },
  rcEndOfLease: { lua: endOfLease, numberOfKeys: 2 },
  rcCountNodes: { lua: countNodes, numberOfKeys: 2 },
  ...cursorScripts,
  ...groupScripts
} as const
