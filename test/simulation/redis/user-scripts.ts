import { type NativeScript, numberAt, textAt } from './script.js'

const rcMoveCursor: NativeScript = ({ db, keys: [devices = '', cursors = '', beginning = ''], argv }) => {
  const [device, channel, epoch] = [textAt(argv, 0), textAt(argv, 1), textAt(argv, 2)]
  const [offset, how, now, ttlMs, devicesMax] = [3, 4, 5, 6, 7].map((index) => textAt(argv, index))
  const given = `${epoch}:${offset}`
  let cursor = db.hash(cursors).get(channel) ?? given
  const separator = cursor.lastIndexOf(':')
  const isBehind = Number(cursor.slice(separator + 1)) < Number(offset)
  if (how === 'advance' && (cursor.slice(0, separator) !== epoch || isBehind)) cursor = given
  db.hset(cursors, channel, cursor)
  db.expire(cursors, Number(ttlMs))
  const unused = db.scores(devices).filter(([, usedAt]) => usedAt <= Number(now) - Number(ttlMs))
  db.zrem(devices, ...unused.map(([name]) => name))
  db.zadd(devices, Number(now), device)
  db.expire(devices, Number(ttlMs))
  const names = db.scores(devices).map(([name]) => name)
  // The one that has just come stays, whatever the clock says.
  for (const surplus of names
    .filter((name) => name !== device)
    .slice(0, Math.max(names.length - Number(devicesMax), 0))) {
    db.zrem(devices, surplus)
    db.delete(`${beginning}${surplus}`)
  }
  return cursor
}

const rcFileGroup: NativeScript = ({ db, keys: [groupsOf = ''], argv }) => {
  const [group, id, addedAt] = [textAt(argv, 0), textAt(argv, 1), textAt(argv, 2)]
  const others = new Set([...db.hash(groupsOf).keys()].map((filed) => filed.split('\n')[0] ?? ''))
  others.delete(group)
  if (others.size >= numberAt(argv, 3)) return 0
  db.hset(groupsOf, `${group}\n${id}`, addedAt)
  return 1
}

const rcAddMember: NativeScript = ({ db, keys: [members = '', names = ''], argv }) => {
  const [user, membership] = [textAt(argv, 0), textAt(argv, 1)]
  const present = db.hash(members).get(user)
  if (present !== undefined) return present
  db.hset(members, user, membership)
  db.zadd(names, 0, user)
  return membership
}

const rcDropMember: NativeScript = ({ db, keys: [members = '', names = ''], argv }) => {
  const user = textAt(argv, 0)
  const membership = db.hash(members).get(user)
  db.hdel(members, user)
  db.zrem(names, user)
  return membership ?? null
}

const rcRecordRemoval: NativeScript = ({ db, keys: [removals = ''], argv }) => {
  db.hset(removals, textAt(argv, 0), textAt(argv, 1))
  db.expire(removals, numberAt(argv, 2))
  return null
}

const rcRecordRevocation: NativeScript = ({ db, keys: [kept = '', order = ''], argv }) => {
  const [revocation, end, now] = [textAt(argv, 0), textAt(argv, 1), textAt(argv, 2)]
  const before = db.hash(kept).get(revocation)
  db.hset(kept, revocation, end)
  if (before !== undefined) db.zrem(order, `${before}:${revocation}`)
  db.zadd(order, 0, `${end}:${revocation}`)
  const over = db.scores(order).filter(([place]) => place.slice(0, now.length) <= now)
  for (const [place] of over.slice(0, 100)) {
    db.zrem(order, place)
    db.hdel(kept, place.slice(now.length + 1))
  }
  const last = db.scores(order).at(-1)?.[0]
  if (last === undefined) return null
  for (const key of [kept, order]) db.expire(key, Number(last.slice(0, now.length)) - Number(now))
  return null
}

export const userScripts: Record<string, NativeScript> = {
  rcRecordRemoval,
  rcRecordRevocation,
  rcMoveCursor,
  rcFileGroup,
  rcAddMember,
  rcDropMember
}
