import { cursorScripts } from './cursor-scripts.js'
import { groupScripts } from './group-scripts.js'
import { nowMs } from './now-ms.js'
import { presenceScripts, refuseBuried } from './presence-scripts.js'
import { streamScripts } from './stream-scripts.js'

/*
 * Each changing step is one script: all checks come before the first write, as Redis rolls nothing back. Without memory
 * Redis refuses a script at its first write, and only where that is one that takes some: what must not be accepted then
 * begins with such a one, what has to go on (leaving, clearing up) with one that gives some back. Offsets are formatted
 * by hand, because Lua prints large numbers with an exponent.
 */

/**
 * KEYS session, fence of the owner; ARGV generation, user, token hash, owner, rooms, removal id, ttl ms, token of the
 * user (JSON). Answers 1, or 0 where a later owner has it.
 */
const saveSession = /* lua */ `
  ${refuseBuried}
  local refusal = refuse_buried(KEYS[2])
  if refusal then return refusal end
  local generation = redis.call('HGET', KEYS[1], 'generation')
  if generation and tonumber(generation) > tonumber(ARGV[1]) then return 0 end
  redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'user', ARGV[2], 'token', ARGV[3], 'owner', ARGV[4], 'rooms', ARGV[5],
    'removal', ARGV[6], 'granted_by', ARGV[8])
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
 * {generation, user, rooms, former owner, removal id, token of the user}; {owner} where the end of that one's lease is to be looked at
 * first; nil where the session is over, of another user, or the token does not match.
 */
const takeSession = /* lua */ `
  ${refuseBuried}
  local refusal = refuse_buried(KEYS[2])
  if refusal then return refusal end
  local known = redis.call('HMGET', KEYS[1], 'token', 'previous', 'previous_until', 'owner', 'user', 'rooms', 'removal',
    'released', 'granted_by')
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
  return { generation, known[5], known[6], known[4], known[7] or '', known[9] or '' }
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

/**
 * KEYS revocations, their order; ARGV revocation, stamp of its end, stamp of now. Takes some of those along that are over.
 * All of it lives as long as the last.
 */
const recordRevocation = /* lua */ `
  local before = redis.call('HGET', KEYS[1], ARGV[1])
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  if before then redis.call('ZREM', KEYS[2], before .. ':' .. ARGV[1]) end
  redis.call('ZADD', KEYS[2], 0, ARGV[2] .. ':' .. ARGV[1])
  for _, place in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], '-', '[' .. ARGV[3] .. ';', 'LIMIT', 0, 100)) do
    redis.call('ZREM', KEYS[2], place)
    redis.call('HDEL', KEYS[1], string.sub(place, string.len(ARGV[3]) + 2))
  end
  local last = redis.call('ZRANGE', KEYS[2], -1, -1)[1]
  local finish = last and tonumber(string.sub(last, 1, string.len(ARGV[3])))
  if not finish then return end
  local ttl = string.format('%.0f', finish - ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ttl)
  redis.call('PEXPIRE', KEYS[2], ttl)
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
  rcRecordRevocation: { lua: recordRevocation, numberOfKeys: 2 },
  rcEndOfLease: { lua: endOfLease, numberOfKeys: 2 },
  rcCountNodes: { lua: countNodes, numberOfKeys: 2 },
  ...streamScripts,
  ...cursorScripts,
  ...presenceScripts,
  ...groupScripts
} as const
