import { answered } from '../answered.js'
import {
  type Holding,
  type OwnedSession,
  PREVIOUS_TOKEN_MS,
  type SessionRooms,
  type Sessions,
  type SessionToken,
  type TakenSession,
  type TakeRequest
} from '../sessions.js'
import type { RedisConnection, TakenReply } from './connections.js'
import { type Keys, partitionOf } from './keys.js'
import { nodeIdOf, type RedisNodes } from './redis-nodes.js'

/** A session that is written to keeps its key for so long; idle ones are written anew long before. */
export const OWNED_TTL_MS = 86_400_000

export interface RedisSessionsOptions {
  readonly redis: RedisConnection
  readonly keys: Keys
  readonly nodes: RedisNodes
  readonly ttlMs: number
}

/** Sessions over all nodes. */
export class RedisSessions implements Sessions {
  readonly #options: RedisSessionsOptions

  constructor(options: RedisSessionsOptions) {
    this.#options = options
  }

  get owner(): string {
    return this.#options.nodes.nodeId
  }

  async save(session: OwnedSession): Promise<boolean> {
    const { redis, nodes } = this.#options
    const { sessionId, userId, generation, tokenHash, rooms, removalId = '', token } = session
    const owner = [generation, userId, tokenHash, nodes.name]
    const fields = [...owner, JSON.stringify(rooms), removalId, OWNED_TTL_MS, encodeToken(token)]
    return (await answered(redis.rcSaveSession(...this.#keysOf(sessionId), ...fields))) === 1
  }

  async reclaim(sessions: readonly OwnedSession[]): Promise<Holding[]> {
    const { redis, nodes } = this.#options
    const replies = sessions.map(({ sessionId, generation }) =>
      redis.rcReclaimSession(...this.#keysOf(sessionId), generation, nodes.name, OWNED_TTL_MS)
    )
    return await answered(Promise.all(replies))
  }

  async take(request: TakeRequest): Promise<TakenSession | undefined> {
    const { sessionId, nextTokenHash } = request
    const taken = await this.#take(request)
    if (taken === undefined) return undefined
    const [generation, userId, roomsText, formerName, removalId, tokenText] = taken
    const formerOwner = nodeIdOf(formerName)
    const rooms = JSON.parse(roomsText) as SessionRooms
    const owned = { sessionId, userId, generation: Number(generation), tokenHash: nextTokenHash, rooms }
    const token = decodeToken(tokenText)
    const known = { ...(removalId !== '' && { removalId }), ...(token !== undefined && { token }) }
    return { session: { ...owned, ...known }, formerOwner }
  }

  async release(sessionId: string, generation: number): Promise<void> {
    const { redis, keys, nodes, ttlMs } = this.#options
    await answered(redis.rcReleaseSession(keys.session(sessionId), generation, nodes.nowMs, Math.max(ttlMs, 1)))
  }

  async end(sessionId: string, generation: number): Promise<void> {
    const { redis, keys } = this.#options
    await answered(redis.rcEndSession(keys.session(sessionId), generation))
  }

  /** One step where its time is known by the session itself: as a rule. */
  async #take({ sessionId, userId, tokenHash, nextTokenHash }: TakeRequest): Promise<TakenReply | undefined> {
    const { redis, nodes, ttlMs } = this.#options
    for (let inTime = ''; ; ) {
      const tokens = [tokenHash, nextTokenHash, nodes.name, nodes.nowMs, PREVIOUS_TOKEN_MS, OWNED_TTL_MS]
      const terms = [userId ?? '', ttlMs, inTime]
      const reply = await answered(redis.rcTakeSession(...this.#keysOf(sessionId), ...tokens, ...terms))
      if (reply === null) return undefined
      if (reply.length > 1) return reply as TakenReply
      // Nobody has released it: its time runs from the end of its owner's lease.
      inTime = reply[0] as string
      const endedAt = await nodes.endOfLease(inTime)
      if (endedAt === undefined || nodes.nowMs - endedAt >= ttlMs) return undefined
    }
  }

  /** The session's, and the one that forbids to write under this node's name. */
  #keysOf(sessionId: string): [string, string] {
    const { keys, nodes } = this.#options
    return [keys.session(sessionId), keys.fence(partitionOf(sessionId), nodes.name)]
  }
}

/** Empty where there is none. */
function encodeToken(token: SessionToken | undefined): string {
  return token === undefined ? '' : JSON.stringify([token.id ?? null, token.issuedAt ?? null])
}

function decodeToken(text: string): SessionToken | undefined {
  if (text === '') return undefined
  const [id, issuedAt] = JSON.parse(text) as [string | null, number | null]
  return { id: id ?? undefined, issuedAt: issuedAt ?? undefined }
}
