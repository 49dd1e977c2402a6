import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { ingestScripts } from '../../src/store/redis/ingest-scripts.js'
import { scripts } from '../../src/store/redis/scripts.js'
import { publishScript } from '../../src/store/redis/stream-scripts.js'
import { startRedis } from '../support/redis-server.js'
import { bystander, keysOf } from './redis-harness.js'

const HOUR_MS = '3600000'

interface Call {
  readonly lua: string
  /** Names of keys, which the test completes. */
  readonly keys: readonly string[]
  readonly args: readonly string[]
}

const publish = (args: readonly string[]): Call => ({
  lua: publishScript,
  keys: ['meta', 'log', 'receipt'],
  args: ['topic', ...args, '10', HOUR_MS, HOUR_MS, HOUR_MS, '1', 'tail']
})
const unkept = (run: string): Call => ({
  lua: publishScript,
  keys: ['meta', 'log', 'receipt'],
  args: ['topic', 'epoch', run, '0', '0', HOUR_MS, HOUR_MS, '1', 'tail']
})
const member = ['users', 'members', 'rooms', 'counts', 'roomsOfNode', 'names', 'fence', 'holders']
const leases = ['leases', 'connections', 'dead', 'ended']

/** What must not be accepted: it would be told as stored, and takes memory that is not there. */
const refused: Readonly<Record<string, Call>> = {
  'a publish': publish(['epoch', 'run']),
  'a publish under another run': publish(['epoch-2', 'run-2']),
  'a publish that is not kept': unkept('run'),
  'a publish that is not kept, under another run': unkept('run-2'),
  'the joining of a room': {
    lua: scripts.rcJoinRoom.lua,
    keys: member,
    args: ['room', 'connection-2', 'user', '1', 'node']
  },
  'the coming of a user': {
    lua: scripts.rcConnectUser.lua,
    keys: ['online', 'ofNode', 'fence', 'holders'],
    args: ['c-2', 'user', 'node']
  },
  'a session': {
    lua: scripts.rcSaveSession.lua,
    keys: ['session', 'fence'],
    args: ['2', 'user', 'token', 'owner', '[]', '', HOUR_MS, '']
  },
  'a resume': {
    lua: scripts.rcTakeSession.lua,
    keys: ['session', 'fence'],
    args: ['token', 'next', 'owner-2', '1', '1000', HOUR_MS, '', HOUR_MS, 'owner']
  },
  'a session that is kept': {
    lua: scripts.rcReclaimSession.lua,
    keys: ['session', 'fence'],
    args: ['1', 'owner-2', HOUR_MS]
  },
  'a removal': { lua: scripts.rcRecordRemoval.lua, keys: ['removals'], args: ['room', 'id', HOUR_MS] },
  'a cursor': {
    lua: scripts.rcMoveCursor.lua,
    keys: ['devices', 'cursor:', 'cursor:'],
    args: ['device-2', 'channel', 'epoch', '1', 'open', '1', HOUR_MS, '1']
  },
  'a lease': { lua: scripts.rcTakeLease.lua, keys: leases, args: ['node-2', HOUR_MS, '1', 'node'] },
  'the renewal of a lease': { lua: scripts.rcRenewLease.lua, keys: leases.slice(0, 2), args: ['node', HOUR_MS, '2'] },
  'a membership filed': { lua: scripts.rcFileGroup.lua, keys: ['groups'], args: ['group-2', 'id', '1', '100'] },
  'a member': { lua: scripts.rcAddMember.lua, keys: ['memberships', 'memberNames'], args: ['user-2', 'membership'] },
  'the lease of the ingest stream': {
    lua: ingestScripts.rcTakeIngest.lua,
    keys: ['free'],
    args: ['token', '', HOUR_MS]
  }
}

/** What has to go on, or the memory would never be given back. */
const accepted: Readonly<Record<string, Call>> = {
  'a reading': { lua: scripts.rcRead.lua, keys: ['meta', 'log'], args: ['after', '0', '10', ''] },
  'a look at the tops': { lua: scripts.rcTouch.lua, keys: ['meta', 'log'], args: ['epoch-2', 'run', HOUR_MS] },
  'the leaving of a room': { lua: scripts.rcLeaveRoom.lua, keys: member.slice(0, 6), args: ['room', 'connection'] },
  'the going of a user': {
    lua: scripts.rcDisconnectUser.lua,
    keys: ['online', 'ofNode', 'seen:'],
    args: ['1', HOUR_MS, 'c']
  },
  'the clearing of a room': { lua: scripts.rcClearRoom.lua, keys: member.slice(0, 6), args: ['room', '100', '0'] },
  'the clearing of a node': {
    lua: scripts.rcClearOnline.lua,
    keys: ['online', 'ofNode', 'seen:'],
    args: ['1', HOUR_MS, '100', '0']
  },
  'the end of a session': { lua: scripts.rcEndSession.lua, keys: ['session'], args: ['1'] },
  'the end of a lease': { lua: scripts.rcDropLease.lua, keys: leases, args: ['node', '1000', HOUR_MS] },
  'the end of a membership': { lua: scripts.rcDropMember.lua, keys: ['memberships', 'memberNames'], args: ['user'] },
  'an entry that is settled': { lua: ingestScripts.rcSettleIngest.lua, keys: ['stream'], args: ['1-1'] },
  'an entry that nobody can use': {
    lua: ingestScripts.rcBuryIngest.lua,
    keys: ['stream', 'letters'],
    args: ['1-1', 'message', 'reason']
  }
}

/** What stands there when the memory ends. */
const before: readonly Call[] = [
  publish(['epoch', 'run']),
  { lua: scripts.rcJoinRoom.lua, keys: member, args: ['room', 'connection', 'user', '1', 'node'] },
  { lua: scripts.rcConnectUser.lua, keys: ['online', 'ofNode', 'fence', 'holders'], args: ['c', 'user', 'node'] },
  {
    lua: scripts.rcSaveSession.lua,
    keys: ['session', 'fence'],
    args: ['1', 'user', 'token', 'owner', '[]', '', HOUR_MS, '']
  },
  { lua: scripts.rcTakeLease.lua, keys: leases, args: ['node', HOUR_MS, '1', ''] },
  { lua: scripts.rcFileGroup.lua, keys: ['groups'], args: ['group', 'id', '1', '100'] },
  { lua: scripts.rcAddMember.lua, keys: ['memberships', 'memberNames'], args: ['user', 'membership'] },
  {
    lua: scripts.rcMoveCursor.lua,
    keys: ['devices', 'cursor:', 'cursor:'],
    args: ['device', 'channel', 'epoch', '1', 'open', '1', HOUR_MS, '1']
  }
]

const server = await startRedis(t)

async function run(redis: Redis, prefix: string, { lua, keys, args }: Call): Promise<unknown> {
  const names = keys.map((key) => `${prefix}:${key}`)
  return await redis.eval(lua, names.length, ...names, ...args)
}

/** Every key with its value, but for how long it lives. */
async function contents(redis: Redis, prefix: string) {
  const keys = await keysOf(redis, prefix)
  return await Promise.all(keys.map(async (key) => [key, (await redis.dumpBuffer(key))?.toString('hex')]))
}

/** A Redis where `before` was done, or nothing; out of memory until the test ends. */
async function outOfMemory(t: Test, calls: readonly Call[]) {
  const redis = await bystander(t, server.url)
  const prefix = randomUUID()
  for (const call of calls) await run(redis, prefix, call)
  // Receipts would answer the same publish again.
  await redis.del(`${prefix}:receipt`)
  await redis.config('SET', 'maxmemory', '1')
  t.teardown(() => redis.config('SET', 'maxmemory', '0'))
  return { redis, prefix }
}

t.test('without memory nothing is accepted, and no script is half done', async (t) => {
  const { redis, prefix } = await outOfMemory(t, before)
  const stood = await contents(redis, prefix)
  for (const [name, call] of Object.entries(refused)) {
    await t.rejects(run(redis, prefix, call), { message: /^OOM/ }, name)
    t.same(await contents(redis, prefix), stood, `${name} leaves nothing`)
  }
})

t.test('without memory nothing is begun', async (t) => {
  const { redis, prefix } = await outOfMemory(t, [])
  for (const [name, call] of Object.entries(refused)) {
    // Some find nothing there that they could change.
    await run(redis, prefix, call).catch(() => {})
    t.same(await keysOf(redis, prefix), [], name)
  }
})

t.test('without memory what gives some back goes on', async (t) => {
  for (const [name, call] of Object.entries(accepted)) {
    await t.test(name, async (t) => {
      const { redis, prefix } = await outOfMemory(t, before)
      await t.resolves(run(redis, prefix, call))
    })
  }
})
