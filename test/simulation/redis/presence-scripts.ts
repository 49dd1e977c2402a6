import { ANONYMOUS_PREFIX } from '../../../src/protocol/ids.js'
import type { Database } from './database.js'
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
    db.sadd(at.nodeRooms, room)
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
  const page = [...db.hash(at.members).keys()].slice(0, numberAt(argv, 1))
  const gone = page.flatMap((connection) => removeMember(db, at, room, connection) ?? [])
  const left = db.hash(at.members).size
  if (left === 0) db.srem(at.nodeRooms, room)
  return [left, db.hash(at.users).size, ...gone]
}

const rcConnectUser: NativeScript = ({ db, keys, argv }) => {
  const [online, nodeOnline] = [textAt(keys, 0), textAt(keys, 1)]
  const [connection, user] = [textAt(argv, 0), textAt(argv, 1)]
  if (db.hash(nodeOnline).has(connection)) return null
  db.hset(nodeOnline, connection, user)
  db.hincrby(online, user, 1)
  return null
}

const rcDisconnectUsers: NativeScript = ({ db, keys, argv }) => {
  const [online, nodeOnline, seen] = [textAt(keys, 0), textAt(keys, 1), textAt(keys, 2)]
  for (const connection of argv.slice(2).map(String)) {
    const user = db.hash(nodeOnline).get(connection)
    if (user === undefined) continue
    db.hdel(nodeOnline, connection)
    if (db.hincrby(online, user, -1) > 0) continue
    db.hdel(online, user)
    if (!user.startsWith(ANONYMOUS_PREFIX)) db.set(`${seen}${user}`, textAt(argv, 0), numberAt(argv, 1))
  }
  return null
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
  const [connections, joinedAt] = (db.hash(at.users).get(user) ?? '').split(':')
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
  rcConnectUser,
  rcDisconnectUsers
}
