import type { Database } from './database.js'
import { type NativeScript, numberAt, textAt } from './script.js'

const rcRenewLease: NativeScript = ({ db, keys: [leases = '', connections = ''], argv }) => {
  const node = textAt(argv, 0)
  if (db.score(leases, node) === undefined) return [0, db.now()]
  db.zadd(leases, db.now() + numberAt(argv, 1), node)
  db.hset(connections, node, textAt(argv, 2))
  return [1, db.now()]
}

const rcTakeLease: NativeScript = ({ db, keys: [leases = '', connections = '', dead = '', ended = ''], argv }) => {
  const [node, former] = [textAt(argv, 0), textAt(argv, 3)]
  const until = db.now() + numberAt(argv, 1)
  db.zadd(leases, until, node)
  db.hset(connections, node, textAt(argv, 2))
  if (former === '') return [0, db.now()]
  if (db.score(leases, former) === undefined && db.score(dead, former) === undefined) db.zadd(dead, until, former)
  return [db.score(ended, former) === undefined ? 0 : 1, db.now()]
}

const rcDropLease: NativeScript = ({ db, keys, argv }) => {
  const [leases, connections, dead, ended] = [0, 1, 2, 3].map((index) => textAt(keys, index)) as Four
  const node = textAt(argv, 0)
  const now = db.now()
  db.zrem(leases, node)
  db.hdel(connections, node)
  db.zadd(dead, now + numberAt(argv, 1), node)
  db.zadd(ended, now, node)
  db.expire(ended, numberAt(argv, 2))
  return null
}

const rcClaimDead: NativeScript = ({ db, keys, argv }) => {
  const [leases, connections, dead, ended] = [0, 1, 2, 3].map((index) => textAt(keys, index)) as Four
  const now = db.now()
  if (now > numberAt(argv, 3)) return [now]
  const leasedUntil = now + numberAt(argv, 2)
  for (const [ahead, until] of db.scores(leases)) if (until > leasedUntil) db.zadd(leases, leasedUntil, ahead)
  let node = dueOf(db, leases, now, textAt(argv, 4))
  if (node === undefined) {
    node = dueOf(db, dead, now)
  } else {
    const rememberedMs = numberAt(argv, 1)
    db.zadd(ended, db.score(leases, node) ?? 0, node)
    const forgotten = db.scores(ended).filter(([, at]) => at <= now - rememberedMs)
    db.zrem(ended, ...forgotten.map(([name]) => name))
    db.expire(ended, rememberedMs)
    db.zrem(leases, node)
    db.hdel(connections, node)
  }
  if (node === undefined) return [now]
  db.zadd(dead, now + numberAt(argv, 0), node)
  return [now, node]
}

const rcHoldDead: NativeScript = ({ db, keys: [dead = ''], argv }) => {
  const node = textAt(argv, 0)
  if (db.score(dead, node) !== undefined) db.zadd(dead, db.now() + numberAt(argv, 1), node)
  return null
}

const rcCondemn: NativeScript = ({ db, keys: [leases = '', dead = ''], argv: [graceMs, ...nodes] }) => {
  for (const node of nodes.map(String)) {
    const isKnown = db.score(leases, node) !== undefined || db.score(dead, node) !== undefined
    if (!isKnown) db.zadd(dead, db.now() + Number(graceMs), node)
  }
  return null
}

const rcEndOfLease: NativeScript = ({ db, keys: [leases = '', ended = ''], argv }) => {
  const at = db.score(leases, textAt(argv, 0)) ?? db.score(ended, textAt(argv, 0))
  return at === undefined ? null : String(at)
}

const rcCountNodes: NativeScript = ({ db, keys: [leases = '', connections = ''], argv }) => {
  const others = [...db.hash(connections)].filter(([node]) => node !== textAt(argv, 0))
  const alive = db.scores(leases).filter(([, until]) => until >= db.now())
  return [alive.length, others.reduce((sum, [, count]) => sum + Number(count), 0)]
}

type Four = [string, string, string, string]

/** The first whose time is over. */
function dueOf(db: Database, key: string, now: number, but = ''): string | undefined {
  return db.scores(key).find(([name, at]) => at <= now && name !== but)?.[0]
}

export const nodeScripts: Record<string, NativeScript> = {
  rcRenewLease,
  rcTakeLease,
  rcDropLease,
  rcClaimDead,
  rcHoldDead,
  rcCondemn,
  rcEndOfLease,
  rcCountNodes
}
