import { FORKS_MAX } from '../continuity.js'
import { PAGE_BYTES_MAX } from '../streams.js'
import { cursorScripts } from './cursor-scripts.js'
import { groupScripts } from './group-scripts.js'
import { presenceScripts, refuseBuried } from './presence-scripts.js'

/*
 * Each changing step is one script: all checks come before the first write, as Redis rolls nothing back. Without memory
 * Redis refuses a script at its first write, and only where that is one that takes some: what must not be accepted then
 * begins with such a one, what has to go on (leaving, clearing up) with one that gives some back. Offsets are formatted
 * by hand, because Lua prints large numbers with an exponent.
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
      redis.call('HSET', meta, 'epoch', new_epoch, 'offset', '0', 'run', run)
      -- A log without its meta is of a history that nobody can name any more.
      redis.call('DEL', log)
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
  local is_kept = tonumber(ARGV[6]) > 0 and tonumber(ARGV[7]) > 0
  if is_kept then
    local id = offset .. '-' .. string.format('%.0f', now_ms())
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], id, 'r', record)
    redis.call('PEXPIRE', KEYS[2], ARGV[7])
  end
  redis.call('HSET', KEYS[1], 'offset', offset, 'size', ARGV[6], 'ttl', ARGV[7])
  if not is_kept then redis.call('DEL', KEYS[2]) end
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
 * KEYS session, fence of the owner; ARGV generation, user, token hash, owner, rooms, removal id, ttl ms. Answers 1, or 0
 * where a later owner has it.
 */
const saveSession = /* lua */ `
  ${refuseBuried}
  local refusal = refuse_buried(KEYS[2])
  if refusal then return refusal end
  local generation = redis.call('HGET', KEYS[1], 'generation')
  if generation and tonumber(generation) > tonumber(ARGV[1]) then return 0 end
  redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'user', ARGV[2], 'token', ARGV[3], 'owner', ARGV[4], 'rooms', ARGV[5],
    'removal', ARGV[6])
  redis.call('HDEL', KEYS[1], 'released')
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
  return 1
`

/**
 * KEYS session, fence of the owner; ARGV generation, owner, ttl ms. Answers `held`, `taken` where a later owner has it,
 * `gone` where nobody has.
 */
const reclaimSession = /* lua */ `
  ${refuseBuried}
  local refusal = refuse_buried(KEYS[2])
  if refusal then return refusal end
  local generation = redis.call('HGET', KEYS[1], 'generation')
  if not generation then return 'gone' end
  if tonumber(generation) > tonumber(ARGV[1]) then return 'taken' end
  redis.call('HSET', KEYS[1], 'owner', ARGV[2])
  redis.call('HDEL', KEYS[1], 'released')
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 'held'
`

/**
 * KEYS session, fence of the next owner; ARGV token hash, next token hash, owner, now ms, how long the token before
 * works, ttl ms, user (empty: any), how long a released one waits, owner that is known to be in time. Answers
 * {generation, user, rooms, former owner, removal id}; {owner} where the end of that one's lease is to be looked at
 * first; nil where the session is over, of another user, or the token does not match.
 */
const takeSession = /* lua */ `
  ${refuseBuried}
  local refusal = refuse_buried(KEYS[2])
  if refusal then return refusal end
  local known = redis.call('HMGET', KEYS[1], 'token', 'previous', 'previous_until', 'owner', 'user', 'rooms', 'removal',
    'released')
  if not known[1] then return nil end
  if ARGV[7] ~= '' and ARGV[7] ~= known[5] then return nil end
  local is_previous = known[2] == ARGV[1] and tonumber(known[3]) > tonumber(ARGV[4])
  if known[1] ~= ARGV[1] and not is_previous then return nil end
  if known[8] then
    if ARGV[4] - known[8] >= tonumber(ARGV[8]) then return nil end
  elseif known[4] ~= ARGV[3] and known[4] ~= ARGV[9] then
    return { known[4] }
  end
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

/** KEYS leases, ended; ARGV node. Answers when its lease ends or ended; nil where that is long ago. */
const endOfLease = /* lua */ `
  return redis.call('ZSCORE', KEYS[1], ARGV[1]) or redis.call('ZSCORE', KEYS[2], ARGV[1])
`

/**
 * KEYS leases, connections; ARGV node, lease ms, connections. Renews a lease that nobody ended. Answers {1 if held, now
 * ms}.
 */
const renewLease = /* lua */ `
  ${nowMs}
  local now = now_ms()
  if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 0, now } end
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
  return { 1, now }
`

/**
 * KEYS leases, connections, dead, ended; ARGV node, lease ms, connections, former name (empty: none). Takes a lease. What
 * stands under the former name is left to be buried, but not before the node had the time to write it under its new one.
 * Answers {1 where the former is known to have ended, now ms}.
 */
const takeLease = /* lua */ `
  ${nowMs}
  local now = now_ms()
  local until_ms = string.format('%.0f', now + ARGV[2])
  redis.call('ZADD', KEYS[1], until_ms, ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
  if ARGV[4] == '' then return { 0, now } end
  if not redis.call('ZSCORE', KEYS[1], ARGV[4]) then redis.call('ZADD', KEYS[3], 'NX', until_ms, ARGV[4]) end
  return { redis.call('ZSCORE', KEYS[4], ARGV[4]) and 1 or 0, now }
`

/**
 * KEYS leases, connections, dead, ended; ARGV node, grace ms, how long the end of a lease is remembered. What it leaves
 * in the presence is removed as a dead node's, when the grace is over.
 */
const dropLease = /* lua */ `
  ${nowMs}
  local now = now_ms()
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('ZADD', KEYS[3], string.format('%.0f', now + ARGV[2]), ARGV[1])
  redis.call('ZADD', KEYS[4], string.format('%.0f', now), ARGV[1])
  redis.call('PEXPIRE', KEYS[4], ARGV[3])
`

/**
 * KEYS leases, connections, dead, ended; ARGV claim ms, how long the end of a lease is remembered, lease ms, the latest
 * time at which the caller may judge, the caller's own name. Hands one dead node to the caller for the time of a claim. Answers {now ms, node
 * if there is one}.
 */
const claimDead = /* lua */ `
  ${nowMs}
  local now = now_ms()
  -- It waited too long on its way, or the clock jumped: the others had no time to renew.
  if now > tonumber(ARGV[4]) then return { now } end
  local claimed_until = string.format('%.0f', now + ARGV[1])
  local leased_until = string.format('%.0f', now + ARGV[3])
  -- Nobody holds a lease for longer, but where the clock was set back.
  for _, ahead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. leased_until, '+inf', 'LIMIT', 0, 100)) do
    redis.call('ZADD', KEYS[1], leased_until, ahead)
  end
  local at = string.format('%.0f', now)
  local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', at, 'LIMIT', 0, 2)
  local node = ended[1] ~= ARGV[5] and ended[1] or ended[2]
  if node then
    redis.call('ZADD', KEYS[4], redis.call('ZSCORE', KEYS[1], node), node)
    redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', now - ARGV[2]))
    redis.call('PEXPIRE', KEYS[4], ARGV[2])
    redis.call('ZREM', KEYS[1], node)
    redis.call('HDEL', KEYS[2], node)
  else
    node = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', at, 'LIMIT', 0, 1)[1]
  end
  if not node then return { now } end
  redis.call('ZADD', KEYS[3], claimed_until, node)
  return { now, node }
`

/** KEYS dead; ARGV node, claim ms. Whoever buries it goes on with it. */
const holdDead = /* lua */ `
  ${nowMs}
  redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now_ms() + ARGV[2]), ARGV[1])
`

/** KEYS leases, dead; ARGV grace ms, node …. Those that have neither a lease nor a burial to come are to be buried. */
const condemn = /* lua */ `
  ${nowMs}
  local due = string.format('%.0f', now_ms() + ARGV[1])
  for index = 2, #ARGV do
    if not redis.call('ZSCORE', KEYS[1], ARGV[index]) then redis.call('ZADD', KEYS[2], 'NX', due, ARGV[index]) end
  end
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
  rcRenewLease: { lua: renewLease, numberOfKeys: 2 },
  rcTakeLease: { lua: takeLease, numberOfKeys: 4 },
  rcDropLease: { lua: dropLease, numberOfKeys: 4 },
  rcClaimDead: { lua: claimDead, numberOfKeys: 4 },
  rcHoldDead: { lua: holdDead, numberOfKeys: 1 },
  rcCondemn: { lua: condemn, numberOfKeys: 2 },
  rcSaveSession: { lua: saveSession, numberOfKeys: 2 },
  rcReclaimSession: { lua: reclaimSession, numberOfKeys: 2 },
  rcTakeSession: { lua: takeSession, numberOfKeys: 2 },
  rcReleaseSession: { lua: releaseSession, numberOfKeys: 1 },
  rcEndSession: { lua: endSession, numberOfKeys: 1 },
  rcRecordRemoval: { lua: recordRemoval, numberOfKeys: 1 },
  rcEndOfLease: { lua: endOfLease, numberOfKeys: 2 },
  rcCountNodes: { lua: countNodes, numberOfKeys: 2 },
  ...cursorScripts,
  ...presenceScripts,
  ...groupScripts
} as const
