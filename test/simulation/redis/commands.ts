import { byBytes, type Database } from './database.js'
import type { Reply } from './script.js'

export type Argument = string | number | Buffer

type Command = (db: Database, ...args: Argument[]) => Reply

/** The plain commands that the server sends, on one database. */
export const commands: Record<string, Command> = {
  ping: () => 'PONG',
  get: (db, key) => db.get(text(key)) ?? null,
  set: (db, key, content, _px, ttlMs) => {
    db.set(text(key), text(content), ttlMs === undefined ? undefined : Number(ttlMs))
    return 'OK'
  },
  del: (db, ...keys) => keys.filter((key) => db.delete(text(key))).length,
  unlink: (db, ...keys) => keys.filter((key) => db.delete(text(key))).length,
  pexpire: (db, key, ttlMs) => {
    if (!db.has(text(key))) return 0
    db.expire(text(key), Number(ttlMs))
    return 1
  },
  hget: (db, key, field) => db.hash(text(key)).get(text(field)) ?? null,
  hmget: (db, key, ...fields) => fields.map((field) => db.hash(text(key)).get(text(field)) ?? null),
  hgetall: (db, key) => [...db.hash(text(key))].flat(),
  hkeys: (db, key) => [...db.hash(text(key)).keys()],
  hlen: (db, key) => db.hash(text(key)).size,
  hset: (db, key, field, content) => {
    const isNew = !db.hash(text(key)).has(text(field))
    db.hset(text(key), text(field), text(content))
    return isNew ? 1 : 0
  },
  hdel: (db, key, ...fields) => db.hdel(text(key), ...fields.map(text)),
  smembers: (db, key) => [...db.members(text(key))],
  srem: (db, key, ...names) => names.reduce((sum: number, name) => sum + db.srem(text(key), text(name)), 0),
  srandmember: (db, key, count) => [...db.members(text(key))].slice(0, Number(count)),
  zadd: (db, key, score, member) => {
    const isNew = db.score(text(key), text(member)) === undefined
    db.zadd(text(key), Number(score), text(member))
    return isNew ? 1 : 0
  },
  zrem: (db, key, ...members) => db.zrem(text(key), ...members.map(text)),
  zcard: (db, key) => db.scores(text(key)).length,
  zscore: (db, key, member) => {
    const score = db.score(text(key), text(member))
    return score === undefined ? null : String(score)
  },
  zrange: (db, key, from, to) => {
    const names = db.scores(text(key)).map(([name]) => name)
    const end = Number(to) < 0 ? names.length + Number(to) : Number(to)
    return names.slice(Number(from), end + 1)
  },
  zrangebylex: (db, key, from, to, _limit, start = 0, count = -1) => {
    const names = db
      .scores(text(key))
      .map(([name]) => name)
      .filter((name) => isAfter(name, from) && isBefore(name, to))
    return names.slice(Number(start), Number(count) < 0 ? undefined : Number(start) + Number(count))
  }
}

function isAfter(name: string, bound: Argument): boolean {
  const from = Buffer.from(text(bound) === '-' ? '' : (bound as string))
  if (from.length === 0) return true
  const order = byBytes(Buffer.from(name), from.subarray(1))
  return from.toString('latin1', 0, 1) === '(' ? order > 0 : order >= 0
}

function isBefore(name: string, bound: Argument): boolean {
  if (text(bound) === '+') return true
  const to = Buffer.from(bound as string)
  const order = byBytes(Buffer.from(name), to.subarray(1))
  return to.toString('latin1', 0, 1) === '(' ? order < 0 : order <= 0
}

function text(argument: Argument | undefined): string {
  return String(argument ?? '')
}
