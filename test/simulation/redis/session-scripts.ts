import type { Database } from './database.js'
import { refuseBuried } from './presence-scripts.js'
import { type NativeScript, numberAt, textAt } from './script.js'

const rcSaveSession: NativeScript = ({ db, keys: [key = '', fence = ''], argv }) => {
  refuseBuried(db, fence)
  const generation = db.hash(key).get('generation')
  if (generation !== undefined && Number(generation) > numberAt(argv, 0)) return 0
  const fields = ['generation', 'user', 'token', 'owner', 'rooms', 'removal']
  for (const [index, field] of fields.entries()) db.hset(key, field, textAt(argv, index))
  db.hset(key, 'granted_by', textAt(argv, 7))
  db.hdel(key, 'released')
  db.expire(key, numberAt(argv, 6))
  return 1
}

const rcReclaimSession: NativeScript = ({ db, keys: [key = '', fence = ''], argv }) => {
  refuseBuried(db, fence)
  const generation = db.hash(key).get('generation')
  if (generation === undefined) return 'gone'
  if (Number(generation) > numberAt(argv, 0)) return 'taken'
  db.hset(key, 'owner', textAt(argv, 1))
  db.hdel(key, 'released')
  db.expire(key, numberAt(argv, 2))
  return 'held'
}

const rcTakeSession: NativeScript = ({ db, keys: [key = '', fence = ''], argv }) => {
  refuseBuried(db, fence)
  const known = new Map(db.hash(key))
  const [token, next, owner, now] = [textAt(argv, 0), textAt(argv, 1), textAt(argv, 2), numberAt(argv, 3)]
  if (!known.has('token')) return null
  const isPrevious = known.get('previous') === token && Number(known.get('previous_until')) > now
  if (known.get('token') !== token && !isPrevious) return null
  const [ofUser, waitsMs, inTime] = [textAt(argv, 6), numberAt(argv, 7), textAt(argv, 8)]
  if (ofUser !== '' && ofUser !== known.get('user')) return null
  const holder = known.get('owner') ?? ''
  const released = known.get('released')
  if (released !== undefined && now - Number(released) >= waitsMs) return null
  if (released === undefined && holder !== owner && holder !== inTime) return [holder]
  const generation = db.hincrby(key, 'generation', 1)
  db.hdel(key, 'previous', 'previous_until', 'released')
  db.hset(key, 'token', next)
  db.hset(key, 'owner', owner)
  if (!isPrevious) {
    db.hset(key, 'previous', token)
    db.hset(key, 'previous_until', String(now + numberAt(argv, 4)))
  }
  db.expire(key, numberAt(argv, 5))
  const fields = ['user', 'rooms', 'owner', 'removal', 'granted_by']
  return [generation, ...fields.map((field) => known.get(field) ?? '')]
}

const rcReleaseSession: NativeScript = ({ db, keys: [key = ''], argv }) => {
  if (!isOfGeneration(db, key, textAt(argv, 0))) return null
  db.hset(key, 'released', textAt(argv, 1))
  db.expire(key, numberAt(argv, 2))
  return null
}

const rcEndSession: NativeScript = ({ db, keys: [key = ''], argv }) => {
  if (isOfGeneration(db, key, textAt(argv, 0))) db.delete(key)
  return null
}

function isOfGeneration(db: Database, key: string, generation: string): boolean {
  return db.hash(key).get('generation') === generation
}

export const sessionScripts: Record<string, NativeScript> = {
  rcSaveSession,
  rcReclaimSession,
  rcTakeSession,
  rcReleaseSession,
  rcEndSession
}
