import { ANONYMOUS_PREFIX } from '../../../src/protocol/ids.js'
import { type Database, ReplyError } from './database.js'
import { type NativeScript, numberAt, textAt } from './script.js'

/** As the scripts of rooms are given them. */
interface RoomKeys {
  readonly users: string
  readonly members: string
  readonly rooms: string
  readonly connections: string
  readonly nodeRooms: string
  readonly names: string
}

const rcJoinRoom: NativeScript = ({ db, keys, argv }) => {
  refuseBuried(db, textAt(keys, 6))
  const at = roomKeys(keys)
  const [room, connection, user, now] = [textAt(argv, 0), textAt(argv, 1), textAt(argv, 2), textAt(argv, 3)]
  let changed = 0
  if (!db.hash(at.members).has(connection)) {
    db.hset(at.members, connection, user)
    const [connections, joinedAt] = (db.hash(at.users).get(user) ?? `0:${now}`).split(':')
    if (connections === '0') {
      changed = 1
      db.zadd(at.names, 0, user)
    }
    db.hset(at.users, user, `${Number(connections) + 1}:${joinedAt}`)
    db.hincrby(at.connections, room, 1)
    db.zadd(at.rooms, 0, room)
    const isNew = !db.members(at.nodeRooms).has(room)
    db.sadd(at.nodeRooms, room)
    if (isNew) db.sadd(textAt(keys, 7), textAt(argv, 4))
  }
  return [changed, db.hash(at.users).size, connectionsIn(db, at, room)]
}

const rcLeaveRoom: NativeScript = ({ db, keys, argv }) => {
  const at = roomKeys(keys)
  const user = removeMember(db, at, textAt(argv, 0), textAt(argv, 1))
  return [user === undefined ? 0 : 1, db.hash(at.users).size, connectionsIn(db, at, textAt(argv, 0))]
}

const rcClearRoom: NativeScript = ({ db, keys, argv }) => {
  const at = roomKeys(keys)
  const room = textAt(argv, 0)
  // What is taken is gone: the next page begins where this one did.
  const page = [...db.hash(at.members).keys()].slice(0, numberAt(argv, 1))
  const gone = page.flatMap((connection) => removeMember(db, at, room, connection) ?? [])
  const left = db.hash(at.members).size
  if (left === 0) db.srem(at.nodeRooms, room)
  return ['0', left, db.hash(at.users).size, gone]
}

const rcCountRooms: NativeScript = ({ db, keys: [connections = '', ...users], argv }) =>
  argv.flatMap((room, index) => {
    const count = Number(db.hash(connections).get(String(room)) ?? 0)
    return [db.hash(users[index] ?? '').size, count]
  })

const rcConnectUser: NativeScript = ({ db, keys, argv }) => {
  refuseBuried(db, textAt(keys, 2))
  const [online, nodeOnline] = [textAt(keys, 0), textAt(keys, 1)]
  const [connection, user] = [textAt(argv, 0), textAt(argv, 1)]
  if (db.hash(nodeOnline).has(connection)) return null
  db.hset(nodeOnline, connection, user)
  db.hincrby(online, user, 1)
  if (db.hash(nodeOnline).size === 1) db.sadd(textAt(keys, 3), textAt(argv, 2))
  return null
}

const rcDisconnectUser: NativeScript = ({ db, keys, argv }) => {
  removeOnline(db, keys, { connection: textAt(argv, 2), now: textAt(argv, 0), ttlMs: numberAt(argv, 1) })
  return null
}

const rcClearOnline: NativeScript = ({ db, keys, argv }) => {
  const nodeOnline = textAt(keys, 1)
  const page = [...db.hash(nodeOnline).keys()].slice(0, numberAt(argv, 2))
  for (const connection of page) {
    removeOnline(db, keys, { connection, now: textAt(argv, 0), ttlMs: numberAt(argv, 1) })
  }
  return ['0', db.hash(nodeOnline).size]
}

interface Goodbye {
  readonly connection: string
  readonly now: string
  readonly ttlMs: number
}

function removeOnline(db: Database, keys: readonly string[], { connection, now, ttlMs }: Goodbye): void {
  const [online, nodeOnline, seen] = [textAt(keys, 0), textAt(keys, 1), textAt(keys, 2)]
  const user = db.hash(nodeOnline).get(connection)
  if (user === undefined) return
  db.hdel(nodeOnline, connection)
  if (db.hincrby(online, user, -1) > 0) return
  db.hdel(online, user)
  if (!user.startsWith(ANONYMOUS_PREFIX)) db.set(`${seen}${user}`, now, ttlMs)
}

/** Refuses the writing of a node that counts as dead. */
export function refuseBuried(db: Database, fence: string): void {
  if (db.has(fence)) throw new ReplyError('BURIED this node counts as dead')
}

/** Takes one connection out of a room; gives its user where that left with it. */
function removeMember(db: Database, at: RoomKeys, room: string, connection: string): string | undefined {
  const user = db.hash(at.members).get(connection)
  if (user === undefined) return undefined
  db.hdel(at.members, connection)
  if (db.hincrby(at.connections, room, -1) <= 0) {
    db.hdel(at.connections, room)
    db.zrem(at.rooms, room)
  }
  if (!db.has(at.members)) db.srem(at.nodeRooms, room)
  const counted = db.hash(at.users).get(user)
  if (counted === undefined) return undefined
  const [connections, joinedAt] = counted.split(':')
  if (Number(connections) > 1) {
    db.hset(at.users, user, `${Number(connections) - 1}:${joinedAt}`)
    return undefined
  }
  db.hdel(at.users, user)
  db.zrem(at.names, user)
  return user
}

function connectionsIn(db: Database, at: RoomKeys, room: string): number {
  return Number(db.hash(at.connections).get(room) ?? 0)
}

function roomKeys(keys: readonly string[]): RoomKeys {
  const [users = '', members = '', rooms = '', connections = '', nodeRooms = '', names = ''] = keys
  return { users, members, rooms, connections, nodeRooms, names }
}

export const presenceScripts: Record<string, NativeScript> = {
  rcJoinRoom,
  rcLeaveRoom,
  rcClearRoom,
  rcCountRooms,
  rcConnectUser,
  rcDisconnectUser,
  rcClearOnline
}
