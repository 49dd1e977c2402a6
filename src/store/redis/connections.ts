import { Redis, type RedisOptions } from 'ioredis'
import { StoreOpenError } from '../store.js'
import { guardAnswers } from './guarded-answers.js'
import { ingestScripts } from './ingest-scripts.js'
import { parseRedisUrl } from './redis-url.js'
import { isMisconfigured } from './refusals.js'
import { retryDelayMs } from './retry-delay.js'
import { scripts } from './scripts.js'

type Key = string
type Argument = string | number | Buffer

/** As Redis tells it; without fields where the entry was deleted. */
export type RawIngestEntry = readonly [id: Buffer, fields: readonly Buffer[] | null]

/** A session that was handed over. */
export type TakenReply = [
  generation: number,
  user: string,
  rooms: string,
  formerOwner: string,
  removalId: string,
  token: string
]

/** A connection with the scripts of `scripts.ts` and `ingest-scripts.ts` as commands. `…Buffer` answers with raw bytes. */
export interface RedisConnection extends Redis {
  /** The number of keys comes first. */
  rcTouch(...countKeysAndArguments: Argument[]): Promise<string[]>
  rcReadBuffer(...keysAndArguments: Argument[]): Promise<unknown[]>
  rcJoinRoom(...keysAndArguments: Argument[]): Promise<[changed: number, users: number, connections: number]>
  rcLeaveRoom(...keysAndArguments: Argument[]): Promise<[changed: number, users: number, connections: number]>
  rcClearRoom(...keysAndArguments: Argument[]): Promise<[cursor: string, left: number, users: number, gone: string[]]>
  /** The number of keys comes first. */
  rcCountRooms(...countKeysAndArguments: Argument[]): Promise<number[]>
  rcConnectUser(...keysAndArguments: Argument[]): Promise<null>
  rcDisconnectUser(...keysAndArguments: Argument[]): Promise<null>
  rcClearOnline(...keysAndArguments: Argument[]): Promise<[cursor: string, left: number]>
  rcMoveCursor(...keysAndArguments: Argument[]): Promise<string>
  rcRenewLease(...keysAndArguments: Argument[]): Promise<[held: number, nowMs: number]>
  rcTakeLease(...keysAndArguments: Argument[]): Promise<[formerEnded: number, nowMs: number]>
  rcDropLease(...keysAndArguments: Argument[]): Promise<null>
  rcClaimDead(...keysAndArguments: Argument[]): Promise<[nowMs: number, node?: string]>
  rcHoldDead(dead: Key, node: string, claimMs: number): Promise<null>
  rcCondemn(leases: Key, dead: Key, graceMs: number, ...nodes: string[]): Promise<null>
  rcSaveSession(...keysAndArguments: Argument[]): Promise<number>
  rcReclaimSession(...keysAndArguments: Argument[]): Promise<'held' | 'taken' | 'gone'>
  rcTakeSession(...keysAndArguments: Argument[]): Promise<TakenReply | [owner: string] | null>
  rcReleaseSession(session: Key, generation: number, now: number, ttlMs: number): Promise<null>
  rcEndSession(session: Key, generation: number): Promise<null>
  rcRecordRemoval(removals: Key, room: string, removalId: string, ttlMs: number): Promise<null>
  rcRecordRevocation(...keysAndArguments: Argument[]): Promise<null>
  rcEndOfLease(leases: Key, ended: Key, node: string): Promise<string | null>
  rcFileGroup(groupsOf: Key, group: string, id: string, addedAt: number, groupsMax: number): Promise<0 | 1>
  rcAddMember(members: Key, names: Key, userId: string, membership: string): Promise<string>
  rcDropMember(members: Key, names: Key, userId: string): Promise<string | null>
  rcCountNodes(leases: Key, connections: Key, node: string): Promise<[nodes: number, connections: number]>
  rcTakeIngest(lease: Key, token: string, former: string, leaseMs: number): Promise<number>
  rcRenewIngest(lease: Key, stream: Key, token: string, leaseMs: number): Promise<number | null>
  rcReleaseIngest(lease: Key, token: string): Promise<null>
  rcReadIngestBuffer(
    lease: Key,
    stream: Key,
    token: string,
    start: string,
    limit: number
  ): Promise<[entries: RawIngestEntry[], end: Buffer] | null>
  rcSettleIngest(stream: Key, id: string): Promise<null>
  rcBuryIngest(stream: Key, dead: Key, id: string, message: Buffer | string, reason: string): Promise<null>
}

export interface RedisConnections {
  readonly commands: RedisConnection
  /** Hears topics and nothing else. */
  readonly subscriber: RedisConnection
  /** Renews the lease: never behind a long queue of other commands. */
  readonly lease: RedisConnection
  /** Reads the ingest stream, and waits for what comes: up to a second, and nobody else should. */
  readonly ingest: RedisConnection
}

/** Every command is answered in this time; clients are promised three seconds (protocol.md 2.8). */
const commandTimeoutMs = 2500
const connectTimeoutMs = 5000
/** How long the start waits for a Redis that may come later. */
const startTimeoutMs = 2000

const options: RedisOptions = {
  lazyConnect: true,
  scripts: { ...scripts, ...ingestScripts },
  commandTimeout: commandTimeoutMs,
  connectTimeout: connectTimeoutMs,
  // A caller is told at once that Redis is away, rather than after a wait of unknown length.
  enableOfflineQueue: false,
  // A command sent again after a reconnect would carry the run of a Redis that may not be there any more.
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 1,
  retryStrategy: retryDelayMs,
  // A master that became a replica: whoever is master now has to be looked up, or the address to be resolved, anew.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
  // It is for the operator's eyes only, and one more thing that Redis would have to allow.
  disableClientInfo: true
}

/** Redis does not let the node in, and no waiting will help. */
export class RedisConnectError extends StoreOpenError {}

/**
 * Opens the connections of a node. Where Redis is away they go on trying, and it resolves all the same. Throws
 * `RedisUrlError`; rejects with one clear line where Redis refuses the credentials or the database, or is none.
 */
export async function connectRedis(url: string): Promise<RedisConnections> {
  const { options: place, description } = parseRedisUrl(url)
  const connect = async (name: string, more: RedisOptions = {}): Promise<RedisConnection> => {
    const connectionName = `roomcast-${name}`
    const connection = new Redis({ ...options, ...place, ...more, connectionName }) as RedisConnection
    guardAnswers(connection)
    let lastError: Error | undefined
    // Without a listener ioredis would print to the console.
    connection.on('error', (error) => {
      lastError = error
    })
    try {
      await inTime(connection.connect())
      // Where a database is refused ioredis goes on with the first one.
      if (place.db !== 0 && lastError?.name === 'ReplyError') throw lastError
    } catch (error) {
      const reason = lastError ?? error
      if (connection.status !== 'ready' && !isMisconfigured(reason)) return connection
      connection.disconnect()
      throw reason
    }
    return connection
  }
  const opening = [
    connect('commands'),
    connect('subscriber', { autoResubscribe: false }),
    connect('lease'),
    connect('ingest')
  ] as const
  try {
    const [commands, subscriber, lease, ingest] = await Promise.all(opening)
    return { commands, subscriber, lease, ingest }
  } catch (error) {
    for (const one of opening) one.then((connection) => connection.disconnect()).catch(() => {})
    throw new RedisConnectError(`REDIS_URL ${description} cannot be reached: ${(error as Error).message}`)
  }
}

/**
 * Lets go of a connection, so that another is opened. One that is being opened already is left alone: under Sentinel
 * ioredis would take that for its end.
 */
export function renew(connection: RedisConnection): void {
  if (connection.status === 'ready' || connection.status === 'connect') connection.disconnect(true)
}

/** Where no Sentinel answers, ioredis asks them for ever. */
async function inTime(connecting: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), startTimeoutMs)
  })
  try {
    await Promise.race([connecting, deadline])
  } finally {
    clearTimeout(timer)
  }
}
