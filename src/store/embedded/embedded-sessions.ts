import type { Clock } from '../../clock.js'
import { answered } from '../answered.js'
import {
  type Holding,
  type OwnedSession,
  PREVIOUS_TOKEN_MS,
  type Sessions,
  type TakenSession,
  type TakeRequest
} from '../sessions.js'
import type { EmbeddedRecords } from './embedded-records.js'

interface StoredSession extends OwnedSession {
  readonly owner: string
  /** Works once more until then, in milliseconds since 1970. */
  readonly previous?: { readonly tokenHash: string; readonly until: number }
  /** When its connection closed, in milliseconds since 1970. */
  readonly releasedAt?: number
}

const TABLE = 'session'

/** Sessions of one process, which outlive it with the store. */
export class EmbeddedSessions implements Sessions {
  readonly owner: string
  readonly #records: EmbeddedRecords
  readonly #clock: Clock
  readonly #ttlMs: number
  /** What an earlier process left counts as released when this one began. */
  readonly #startedAt: number

  constructor(owner: string, records: EmbeddedRecords, clock: Clock, ttlMs: number) {
    this.owner = owner
    this.#records = records
    this.#clock = clock
    this.#ttlMs = ttlMs
    this.#startedAt = clock.now()
  }

  async save(session: OwnedSession): Promise<boolean> {
    const stored = this.#get(session.sessionId)
    if (stored !== undefined && stored.generation > session.generation) return false
    const previous = stored?.previous
    await this.#put({ ...session, owner: this.owner, ...(previous === undefined ? {} : { previous }) })
    return true
  }

  async reclaim(sessions: readonly OwnedSession[]): Promise<Holding[]> {
    return await Promise.all(sessions.map((session) => this.#reclaim(session)))
  }

  async take({ sessionId, userId, tokenHash, nextTokenHash }: TakeRequest): Promise<TakenSession | undefined> {
    const stored = this.#get(sessionId)
    if (stored === undefined || this.#isExpired(stored)) return undefined
    if (userId !== null && userId !== stored.userId) return undefined
    const { previous, releasedAt: _released, ...kept } = stored
    const isPrevious = previous?.tokenHash === tokenHash && previous.until > this.#clock.now()
    if (stored.tokenHash !== tokenHash && !isPrevious) return undefined
    const taken = { ...kept, generation: stored.generation + 1, tokenHash: nextTokenHash, owner: this.owner }
    const until = this.#clock.now() + PREVIOUS_TOKEN_MS
    await this.#put(isPrevious ? taken : { ...taken, previous: { tokenHash, until } })
    return { session: taken, formerOwner: stored.owner }
  }

  async release(sessionId: string, generation: number): Promise<void> {
    const stored = this.#get(sessionId)
    if (stored?.generation === generation) await this.#put({ ...stored, releasedAt: this.#clock.now() })
  }

  async end(sessionId: string, generation: number): Promise<void> {
    if (this.#get(sessionId)?.generation === generation)
      await answered(this.#records.put([TABLE, sessionId], undefined))
  }

  /** Forgets sessions whose time is over. */
  async sweep(): Promise<void> {
    await this.#records.sweep<StoredSession>(TABLE, (session) => this.#isExpired(session))
  }

  async #reclaim({ sessionId, generation }: OwnedSession): Promise<Holding> {
    const stored = this.#get(sessionId)
    if (stored === undefined) return 'gone'
    if (stored.generation > generation) return 'taken'
    const { releasedAt: _released, ...held } = stored
    await this.#put({ ...held, owner: this.owner })
    return 'held'
  }

  #get(sessionId: string): StoredSession | undefined {
    return this.#records.get<StoredSession>([TABLE, sessionId])
  }

  async #put(session: StoredSession): Promise<void> {
    await answered(this.#records.put([TABLE, session.sessionId], session))
  }

  #isExpired({ owner, releasedAt }: StoredSession): boolean {
    const waitingSince = releasedAt ?? (owner === this.owner ? undefined : this.#startedAt)
    return waitingSince !== undefined && this.#clock.now() - waitingSince >= this.#ttlMs
  }
}
