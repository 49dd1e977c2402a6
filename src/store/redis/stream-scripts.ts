import { FORKS_MAX } from '../continuity.js'
import { PAGE_BYTES_MAX } from '../streams.js'
import { nowMs } from './now-ms.js'

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

/**
 * Messages for one channel, in order. KEYS meta log, receipt of each; ARGV topic, new epoch, run, size, ttl ms, meta ttl
 * ms, receipt ttl ms, then timestamp and tail of each. Answers duplicate, epoch, offset, timestamp of each.
 */
export const publishScript = /* lua */ `
  ${openChannel}
  ${nowMs}
  local receipts = redis.call('MGET', unpack(KEYS, 3))
  local is_kept = tonumber(ARGV[4]) > 0 and tonumber(ARGV[5]) > 0
  local answers, records, placed = {}, {}, {}
  local epoch, top, now

  local function answer (duplicate, receipt)
    answers[#answers + 1] = duplicate
    for field in string.gmatch(receipt, '%S+') do answers[#answers + 1] = field end
  end

  local function begin ()
    redis.call('XLEN', KEYS[2])
    epoch, top = open(KEYS[1], KEYS[2], ARGV[2], ARGV[3])
    now = string.format('%.0f', now_ms())
  end

  local function store (timestamp, tail)
    if not epoch then begin() end
    top = top + 1
    local offset = string.format('%.0f', top)
    local record = 'm1\\n' .. epoch .. '\\n' .. offset .. '\\n' .. tail
    if is_kept then redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], offset .. '-' .. now, 'r', record) end
    records[#records + 1] = record
    return epoch .. ' ' .. offset .. ' ' .. timestamp
  end

  for index = 1, #KEYS - 2 do
    local key = KEYS[index + 2]
    local known = receipts[index] or placed[key]
    if known then
      answer(1, known)
    else
      local receipt = store(ARGV[2 * index + 6], ARGV[2 * index + 7])
      redis.call('SET', key, receipt, 'PX', ARGV[7])
      placed[key] = receipt
      answer(0, receipt)
    end
  end

  if epoch then
    redis.call('HSET', KEYS[1], 'offset', string.format('%.0f', top), 'size', ARGV[4], 'ttl', ARGV[5])
    if is_kept then redis.call('PEXPIRE', KEYS[2], ARGV[5]) else redis.call('DEL', KEYS[2]) end
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
    for index = 1, #records > 1 and #records or 0 do
      records[index] = struct.pack('>I4', #records[index]) .. records[index]
    end
    redis.call('PUBLISH', ARGV[1], #records > 1 and 'b1\\n' .. table.concat(records) or records[1])
  end
  return answers
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

export const streamScripts = {
  rcTouch: { lua: touch },
  rcRead: { lua: read, numberOfKeys: 2 }
} as const
