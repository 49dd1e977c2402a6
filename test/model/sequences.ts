import { equal } from 'node:assert/strict'
import fc from 'fast-check'
import type { Client } from './client.js'
import { takeOver } from './comeback.js'
import { backend } from './commands/backend.js'
import { connections } from './commands/connections.js'
import { groups } from './commands/groups.js'
import { inbox } from './commands/inbox.js'
import { publishing } from './commands/publishing.js'
import { rooms } from './commands/rooms.js'
import { sessions } from './commands/sessions.js'
import { restarts, time } from './commands/time.js'
import { Host, type StoreName } from './host.js'
import { Model, type ModelLimits } from './model.js'
import { compare } from './publishing.js'
import { World } from './world.js'

/** A kind of run: over which store, with how much kept, and whether the server ends and begins anew on the way. */
interface Kind {
  readonly store: StoreName
  readonly small: boolean
  readonly restarting: boolean
  /** Of a thousand sequences, how many are of this kind: fewer of the slow ones. */
  readonly share: number
}

export const kinds = {
  memory: { store: 'memory', small: true, restarting: false, share: 720 },
  'memory-large': { store: 'memory', small: false, restarting: false, share: 190 },
  disk: { store: 'disk', small: true, restarting: true, share: 15 },
  redis: { store: 'redis', small: true, restarting: false, share: 50 },
  'redis-large': { store: 'redis', small: false, restarting: false, share: 15 },
  'redis-restarting': { store: 'redis', small: true, restarting: true, share: 10 }
} as const satisfies Record<string, Kind>
export type KindName = keyof typeof kinds

export interface Runs {
  readonly kind: KindName
  readonly runs: number
  readonly redisUrl?: string | undefined
  readonly seed?: number | undefined
  readonly path?: string | undefined
  readonly replayPath?: string | undefined
}

/** Sequences that share a server: what they leave behind slows its sweeps down. */
const SHARED = 100
const COMMANDS_MAX = 40
const GRACE_S = 10
const SESSION_S = 120
const IDEMPOTENCY_S = 60

/**
 * Runs sequences of commands against a server and the model. Resolves with the seed; rejects with the smallest sequence
 * that fails, and how to run it again.
 */
export async function runSequences(options: Runs): Promise<number> {
  const { kind, runs, redisUrl, seed = Date.now() & 0x7fff_ffff, path, replayPath } = options
  const { store, small, restarting } = kinds[kind]
  const settings = settingsOf(store, small)
  const open = async () => {
    const host = new Host({ store, settings, redisUrl })
    await host.start()
    return host
  }
  let host = await open()
  let sequences = 0
  const all = [connections, rooms, publishing, sessions, inbox, groups, backend, time].flat()
  const commands = fc.commands(restarting ? [...all, ...restarts] : all, {
    maxCommands: COMMANDS_MAX,
    size: 'max',
    ...(replayPath && { replayPath })
  })
  const property = fc.asyncProperty(commands, async (steps) => {
    if (++sequences % SHARED === 0) {
      await host.stop()
      host = await open()
    }
    await runSequence(host, limitsOf(store, settings), `q${sequences}`, steps)
  })
  try {
    const details = await fc.check(property, { numRuns: runs, seed, ...(path && { path }) })
    if (details.failed) throw new Error(reportOf(kind, details), { cause: details.errorInstance })
  } finally {
    await host.stop()
  }
  return seed
}

/** What fast-check says of it, and the command that runs just this. */
function reportOf(kind: KindName, details: fc.RunDetails<[Steps]>): string {
  const report = fc.defaultReportMessage(details) ?? ''
  const [, replayPath = ''] = /replayPath="([^"]+)"/.exec(report) ?? []
  const again = `--kind ${kind} --seed ${details.seed} --path ${details.counterexamplePath} --replay-path ${replayPath}`
  return `${report}\n\nnpm run test:model -- ${again}`
}

type Steps = Iterable<fc.AsyncCommand<Model, World>>

async function runSequence(host: Host, limits: ModelLimits, name: string, steps: Steps): Promise<void> {
  const model = new Model(limits, () => host.clock.now())
  const world = new World(host, model, name)
  try {
    await fc.asyncModelRun(() => ({ model, real: world }), steps)
    await comeBack(world)
    await sayGoodbye(world)
  } finally {
    for (const client of world.clients) client.leave(1000)
    await host.settle()
    host.clock.advance(GRACE_S * 1000)
    await host.settle()
  }
}

/** I1: whoever may come back gets everything that there is, and nobody else does. */
async function comeBack(world: World): Promise<void> {
  const { model } = world
  for (const client of [...world.clients]) {
    client.leave(1006)
    world.strikeOut(client)
    model.drop(client.model, false)
  }
  await world.check()
  for (const session of [...model.sessions]) {
    const { id, token, kept } = session
    if (!kept || model.ownerOf(session) !== undefined) continue
    const client = await world.connect(null, 'd0')
    const { previous } = session
    if (previous !== undefined && model.accepts(session, previous.token) === undefined) {
      await refuse(client, { session_id: id, resume_token: previous.token })
    }
    if (!model.isResumable(session)) {
      await refuse(client, { session_id: id, resume_token: token })
      continue
    }
    await takeOver(world, { client, session, token, positions: {} })
    await world.check()
  }
}

async function refuse(client: Client, credentials: { session_id: string; resume_token: string }): Promise<void> {
  const answer = await client.ask({ type: 'resume', ...credentials })
  equal(answer.code, 'session_not_found', 'a session, or a token, that is over')
}

/** I6: after the last one nobody is counted, and what is kept is what was acknowledged. */
async function sayGoodbye(world: World): Promise<void> {
  const { model } = world
  for (const client of [...world.clients]) {
    client.leave(1000)
    world.strikeOut(client)
    model.drop(client.model, true)
  }
  await world.check()
  await world.advance(GRACE_S * 1000)
  await world.check()
  for (const room of world.rooms) {
    equal(model.usersIn(room).size, 0)
    const { body } = await world.rest({ method: 'GET', url: `/rooms/${room}/history?after=0&limit=1000` })
    compare(world, `room:${room}`, body.messages, 1)
  }
}

function settingsOf(store: StoreName, small: boolean) {
  const sizes = small ? { HISTORY_SIZE: 5, INBOX_SIZE: 4 } : {}
  return {
    HISTORY_SIZE: 1000,
    INBOX_SIZE: 1000,
    ...sizes,
    HISTORY_TTL: 300,
    INBOX_TTL: store === 'redis' ? 604_800 : 600,
    IDEMPOTENCY_TTL: IDEMPOTENCY_S,
    PRESENCE_GRACE: GRACE_S,
    SESSION_TTL: SESSION_S,
    RATE_LIMIT_PER_SECOND: 0
  }
}

/** Redis judges the age of messages, message ids and cursors by its own clock, which nobody moves: there they stay. */
function limitsOf(store: StoreName, settings: ReturnType<typeof settingsOf>): ModelLimits {
  const aged = (seconds: number) => (store === 'redis' ? Number.POSITIVE_INFINITY : seconds * 1000)
  const idempotencyMs = aged(IDEMPOTENCY_S)
  return {
    rooms: { size: settings.HISTORY_SIZE, ttlMs: aged(settings.HISTORY_TTL), idempotencyMs },
    inboxes: { size: settings.INBOX_SIZE, ttlMs: aged(settings.INBOX_TTL), idempotencyMs },
    deviceMs: aged(settings.INBOX_TTL),
    graceMs: GRACE_S * 1000,
    sessionMs: SESSION_S * 1000,
    previousTokenMs: 30_000
  }
}
