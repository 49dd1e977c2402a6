/**
 * KEYS devices, cursors of the device, beginning of the keys of cursors; ARGV device, channel, epoch, offset, how
 * (open | advance), now ms, ttl ms, devices at most. Answers the cursor as it is now.
 */
const moveCursor = /* lua */ `
  local cursor = redis.call('HGET', KEYS[2], ARGV[2])
  local given = ARGV[3] .. ':' .. ARGV[4]
  if not cursor then
    cursor = given
  elseif ARGV[5] == 'advance' then
    local epoch, offset = string.match(cursor, '^(.*):(%d+)$')
    if epoch ~= ARGV[3] or tonumber(offset) < tonumber(ARGV[4]) then cursor = given end
  end
  redis.call('HSET', KEYS[2], ARGV[2], cursor)
  redis.call('PEXPIRE', KEYS[2], ARGV[7])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', ARGV[6] - ARGV[7]))
  redis.call('ZADD', KEYS[1], ARGV[6], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
  local surplus = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[8])
  if surplus > 0 then
    for _, device in ipairs(redis.call('ZRANGE', KEYS[1], '0', string.format('%.0f', surplus))) do
      -- The one that has just come stays, whatever the clock says.
      if surplus > 0 and device ~= ARGV[1] then
        redis.call('ZREM', KEYS[1], device)
        redis.call('DEL', KEYS[3] .. device)
        surplus = surplus - 1
      end
    end
  end
  return cursor
`

export const cursorScripts = {
  rcMoveCursor: { lua: moveCursor, numberOfKeys: 3 }
} as const
