import { DEAD_LETTERS_MAX } from '../ingest-log.js'

/*
 * The ingest stream. Whoever reads has to show the token of its lease in the same step: a read that reaches Redis after
 * the lease went to another would leave entries that nobody handles.
 */

/** The one consumer group, and the one consumer in it: what one node left pending is the next one's own. */
const GROUP = 'roomcast'

/** KEYS lease; ARGV token, the caller's former token, lease ms. Answers 1 if the caller has the lease. */
const takeIngest = /* lua */ `
  local holder = redis.call('GET', KEYS[1])
  if holder and holder ~= ARGV[2] then return 0 end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  return 1
`

/** KEYS lease, stream; ARGV token, lease ms. Answers the length of the stream; nil where the lease is lost. */
const renewIngest = /* lua */ `
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return nil end
  local length = redis.call('XLEN', KEYS[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return length
`

/** KEYS lease; ARGV token. */
const releaseIngest = /* lua */ `
  if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`

/**
 * KEYS lease, stream; ARGV token, '>' for what nobody has read or an id to read pending entries after, limit. Answers
 * {entries, the last id that the stream has given where there are none}; nil where the lease is lost.
 */
const readIngest = /* lua */ `
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return nil end
  local function read ()
    return redis.pcall('XREADGROUP', 'GROUP', '${GROUP}', '${GROUP}', 'COUNT', ARGV[3], 'STREAMS', KEYS[2], ARGV[2])
  end
  local found = read()
  if found and found.err then
    if not string.find(found.err, 'NOGROUP', 1, true) then return found end
    redis.call('XGROUP', 'CREATE', KEYS[2], '${GROUP}', '0', 'MKSTREAM')
    found = read()
  end
  local entries = found and found[1] and found[1][2] or {}
  if #entries > 0 then return { entries, '' } end
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  for index = 1, #info, 2 do
    if info[index] == 'last-generated-id' then return { entries, info[index + 1] } end
  end
  return { entries, '0-0' }
`

/** KEYS stream; ARGV id. */
const settleIngest = /* lua */ `
  redis.call('XACK', KEYS[1], '${GROUP}', ARGV[1])
  redis.call('XDEL', KEYS[1], ARGV[1])
`

/** KEYS stream, dead letters; ARGV id, message, reason. */
const buryIngest = /* lua */ `
  redis.call('XLEN', KEYS[2])
  if redis.call('XACK', KEYS[1], '${GROUP}', ARGV[1]) == 1 then
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ${DEAD_LETTERS_MAX}, '*',
      'message', ARGV[2], 'reason', ARGV[3], 'id', ARGV[1])
  end
  redis.call('XDEL', KEYS[1], ARGV[1])
`

export const ingestScripts = {
  rcTakeIngest: { lua: takeIngest, numberOfKeys: 1 },
  rcRenewIngest: { lua: renewIngest, numberOfKeys: 2 },
  rcReleaseIngest: { lua: releaseIngest, numberOfKeys: 1 },
  rcReadIngest: { lua: readIngest, numberOfKeys: 2 },
  rcSettleIngest: { lua: settleIngest, numberOfKeys: 1 },
  rcBuryIngest: { lua: buryIngest, numberOfKeys: 2 }
} as const
