import type { ChannelRegistry } from '../channels/channel-registry.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { Deadline } from '../deadline.js'
import { RoomcastError } from '../errors.js'
import { FewMap } from '../few-map.js'
import { RetryQueue } from '../presence/retry-queue.js'
import { CloseCode } from '../protocol/close-codes.js'
import type { PositionInput } from '../protocol/commands.js'
import type { ResumeReply } from '../protocol/replies.js'
import type { Random } from '../random.js'
import type { JoinOutcome, RoomRegistry } from '../rooms/room-registry.js'
import type { LeaseLoss } from '../store/nodes.js'
import type { Removals } from '../store/removals.js'
import type { OwnedSession, Sessions } from '../store/sessions.js'
import { NO_RETENTION, type SignalMessage, type Streams } from '../store/streams.js'
import { type LiveSession, ownedBy, sessionRoom } from './live-session.js'
import { hashOf, newToken } from './resume-token.js'
import { RoomReturn, type Terms } from './room-return.js'

export interface SessionRegistryOptions {
  readonly sessions: Sessions
  readonly removals: Removals
  readonly streams: Streams
  readonly channels: ChannelRegistry
  readonly rooms: RoomRegistry
  readonly clock: Clock
  readonly random: Random
  /** The connection's user became known by its session, and the newest removal of it. Throws where it may not be. */
  readonly identify: (connection: Connection, session: Pick<OwnedSession, 'userId' | 'removalId'>) => void
  /** The token that a session came by is no longer to be taken. */
  readonly isRevoked: (session: OwnedSession) => boolean
  /** A task in the background that failed; it is tried again. */
  readonly onError: (error: unknown) => void
}

/** What a client needs to come back. */
export interface SessionCredentials {
  readonly sessionId: string
  readonly resumeToken: string
}

export interface ResumeRequest extends SessionCredentials {
  /** How far the client has seen each room; where it says nothing, the last pong does. */
  readonly positions?: Readonly<Record<string, PositionInput>> | undefined
}

export interface ResumeOutcome {
  readonly reply: ResumeReply
  /** Begins the replays and the live messages. Call once, as soon as the reply is on its way. */
  begin(): void
}

const SWEEP_PERIOD_MS = 1000
/** Positions are written at most this often. */
const POSITIONS_PERIOD_MS = 20_000
/** Sessions that are made sure of in one round trip. */
const RECLAIM_PAGE = 500
/** Even one in which nothing happens is written now and then, so that it does not expire. */
const REFRESH_PERIOD_MS = 6 * 3_600_000

/**
 * The sessions of this node's connections: what of them outlives a drop. Each is written when its rooms change, and
 * its positions now and then, as pongs confirm them.
 */
export class SessionRegistry {
  readonly #options: SessionRegistryOptions
  readonly #byConnection = new Map<Connection, LiveSession>()
  readonly #bySessionId = new Map<string, LiveSession>()
  readonly #roomReturn: RoomReturn
  readonly #retries: RetryQueue
  #stop: () => void = () => {}

  constructor(options: SessionRegistryOptions) {
    this.#options = options
    this.#roomReturn = new RoomReturn(options)
    this.#retries = new RetryQueue(options.clock, options.onError)
  }

  /** Begins to hear when another node takes over a session of this one. */
  async start(): Promise<void> {
    const { channels, clock, sessions } = this.#options
    const channel = nodeChannel(sessions.owner)
    await channels.listen(channel, {
      tag: { room: channel },
      retention: NO_RETENTION,
      onSignal: (_channel, signal) => this.#onTaken(signal)
    })
    this.#stop = clock.every(SWEEP_PERIOD_MS, () => this.#saveChanged())
  }

  /** Nothing is written any more by itself. */
  close(): void {
    this.#stop()
    this.#retries.close()
  }

  /** Saves what is not saved yet. Never rejects. */
  async saveAll(): Promise<void> {
    const changed = [...this.#byConnection.values()].filter((session) => session.changed)
    await Promise.all(changed.map((session) => this.#saveSafely(session)))
  }

  /** A new connection has a session of its own, until it resumes another. */
  open(connection: Connection): SessionCredentials {
    const resumeToken = newToken(this.#options.random)
    const session: LiveSession = {
      connection,
      // In the order of time, sessions that begin together stand together on the disk, and are written together.
      sessionId: this.#options.random.timeUuid(this.#options.clock.now()),
      tokenHash: hashOf(resumeToken),
      generation: 1,
      rooms: new FewMap(),
      kept: false,
      stored: false,
      doubt: undefined,
      changed: false,
      savedAt: this.#options.clock.monotonic(),
      pinged: undefined
    }
    this.#byConnection.set(connection, session)
    this.#bySessionId.set(session.sessionId, session)
    return { sessionId: session.sessionId, resumeToken }
  }

  /** The session of a connection that is not closed yet. */
  idOf(connection: Connection): string {
    return this.#byConnection.get(connection)?.sessionId ?? ''
  }

  /** The connection is in a room: resolves when its session says so, or cannot be written now and will be later. */
  async joined(connection: Connection, { reply: { room }, from, isClaimed, removalId }: JoinOutcome): Promise<void> {
    const session = this.#byConnection.get(connection)
    if (session === undefined) return
    const before = session.rooms.get(room)
    const wasBehind = before?.epoch === from.epoch && before.offset < from.offset
    // Nothing of the replay is confirmed yet: after a drop in the middle it has to begin here again; and for one that was
    // in already, what was on its way to it is no further than it was, unless it says so itself.
    session.rooms.set(room, sessionRoom(wasBehind && !isClaimed ? before : from, removalId))
    session.kept = true
    await this.#saveSafely(session)
  }

  async left(connection: Connection, room: string): Promise<void> {
    const session = this.#byConnection.get(connection)
    if (session?.rooms.delete(room) === true) await this.#saveSafely(session)
  }

  /** The connection has another token: its session goes on by that one. */
  regranted(connection: Connection): void {
    const session = this.#byConnection.get(connection)
    if (session?.kept === true) void this.#saveSafely(session)
  }

  /** Everything that was sent so far lies before this ping. */
  onPing(connection: Connection, serial: number): void {
    const session = this.#byConnection.get(connection)
    if (session === undefined || session.rooms.size === 0) return
    session.pinged = { serial, positions: this.#options.rooms.positionsOf(connection) }
  }

  /** The client's side has received everything before the ping with this serial. */
  onPong(connection: Connection, serial: number): void {
    const session = this.#byConnection.get(connection)
    if (session?.pinged?.serial !== serial) return
    for (const [room, position] of session.pinged.positions) {
      const before = session.rooms.get(room)
      if (before === undefined || (before.epoch === position.epoch && before.offset === position.offset)) continue
      session.rooms.set(room, sessionRoom(position, before.removalId))
      session.changed = true
    }
    session.pinged = undefined
  }

  /**
   * Makes a session that was dropped this connection's: its user, its rooms, and in each whatever follows the
   * position. Throws `session_not_found` and `store_unavailable`, also where the deadline is over: the connection is in no
   * room then.
   */
  async resume(connection: Connection, request: ResumeRequest, deadline?: Deadline): Promise<ResumeOutcome> {
    const { sessions } = this.#options
    const { sessionId, positions = {} } = request
    const fresh = this.#byConnection.get(connection)
    // A dead connection must not take the session from the one that came after it.
    if (fresh === undefined || connection.closed) throw new RoomcastError('session_not_found')
    const resumeToken = newToken(this.#options.random)
    const nextTokenHash = hashOf(resumeToken)
    const tokenHash = hashOf(request.resumeToken)
    const taken = await sessions.take({ sessionId, userId: connection.userId, tokenHash, nextTokenHash })
    if (taken === undefined) throw new RoomcastError('session_not_found')
    const { formerOwner } = taken
    const session = this.#freshest(taken.session)
    try {
      const { reply, begin } = await this.#takeOver(fresh, session, { positions, deadline })
      return { reply: { ...reply, resume_token: resumeToken }, begin }
    } finally {
      // Also where this one did not make it: whoever takes the session from it cannot know of that owner.
      this.#tellFormerOwner(session, formerOwner)
    }
  }

  /** The connection is gone: its session waits for it, or is over where the client said goodbye. Never rejects. */
  async closed(connection: Connection, clean: boolean): Promise<void> {
    const session = this.#byConnection.get(connection)
    if (session === undefined) return
    this.#byConnection.delete(connection)
    if (this.#bySessionId.get(session.sessionId) === session) this.#bySessionId.delete(session.sessionId)
    // Else it would wait for its client for as long as this node lives.
    if (session.kept) await this.#retries.run(session.sessionId, () => this.#finish(session, clean))
  }

  /**
   * The lease was lost: makes sure of the sessions of this node's connections, a page at a time. Connections whose session
   * is on another node by now are closed with 4502. One that nobody knows any more is written anew where the store has
   * forgotten it, and is over where it has not. Nothing is written of a session before it is sure. Throws
   * `store_unavailable`; doing it again is safe.
   */
  async reclaimAll(loss: LeaseLoss): Promise<void> {
    const kept = this.#doubtAll(loss)
    for (let start = 0; start < kept.length; start += RECLAIM_PAGE) {
      await this.#reclaim(kept.slice(start, start + RECLAIM_PAGE).filter(({ connection }) => !connection.closed))
    }
  }

  /**
   * The lease was lost just now: from here on no session is written before it is sure, though `reclaimAll` comes later. A
   * session that ended elsewhere would live again by the write, and look as if it were this node's.
   */
  onLeaseLost(loss: LeaseLoss): void {
    this.#doubtAll(loss)
  }

  #doubtAll({ departed }: LeaseLoss): LiveSession[] {
    const kept = [...this.#byConnection.values()].filter((session) => session.kept)
    // What was forgotten once is not known to have departed.
    for (const session of kept) session.doubt = { departed: departed && session.doubt?.departed !== false }
    return kept
  }

  /** What pongs have confirmed lately is written now and then only: a connection of this node that had it knows more. */
  #freshest(session: OwnedSession): OwnedSession {
    const former = this.#bySessionId.get(session.sessionId)
    if (former === undefined || former.generation !== session.generation - 1) return session
    return { ...session, rooms: Object.fromEntries(former.rooms) }
  }

  /** Brings a session that was taken to life on a connection. */
  async #takeOver(
    fresh: LiveSession,
    session: OwnedSession,
    terms: Terms
  ): Promise<{ reply: Omit<ResumeReply, 'resume_token'>; begin: () => void }> {
    const { connection } = fresh
    const { sessionId, userId } = session
    const lost = await this.#roomReturn.lostOf(connection, session)
    if (connection.userId === null) this.#options.identify(connection, session)
    const { outcomes, removed } = await this.#roomReturn.rejoin(connection, session, { lost, ...terms })
    // From here on no `await`: what happens to the session or in its rooms comes before or after all of it.
    const rival = this.#bySessionId.get(sessionId)
    if (rival !== undefined && rival.generation > session.generation) {
      // Another connection took it while this one found its rooms.
      connection.close(CloseCode.SessionTakenOver)
      throw new RoomcastError('session_not_found')
    }
    const kept = outcomes.filter(({ reply }) => !removed.includes(reply.room))
    this.#adopt(fresh, session, kept)
    rival?.connection.close(CloseCode.SessionTakenOver)
    this.#options.rooms.endGrace(sessionId)
    for (const room of removed) void this.#options.rooms.leave(connection, room)
    // Another node may have taken it meanwhile, and told this one too early: the write tells.
    void this.#saveSafely(fresh)
    const rooms = Object.fromEntries(kept.map(({ reply: { room, ...state } }) => [room, state]))
    const reply = { session_id: sessionId, user_id: userId, rooms, removed: [...removed] }
    return { reply, begin: () => kept.forEach((outcome) => void outcome.begin()) }
  }

  /** The connection's own session is void from here on. */
  #adopt(live: LiveSession, session: OwnedSession, outcomes: readonly JoinOutcome[]): void {
    this.#bySessionId.delete(live.sessionId)
    live.sessionId = session.sessionId
    live.tokenHash = session.tokenHash
    live.generation = session.generation
    for (const { reply, from, removalId } of outcomes) live.rooms.set(reply.room, sessionRoom(from, removalId))
    live.kept = true
    live.stored = true
    live.savedAt = this.#options.clock.monotonic()
    this.#bySessionId.set(session.sessionId, live)
  }

  /** The connection that had the session before may still be there, on another node. */
  #tellFormerOwner({ sessionId, generation }: OwnedSession, formerOwner: string): void {
    const { sessions, streams, onError } = this.#options
    if (formerOwner === sessions.owner) return
    const note = Buffer.from(JSON.stringify({ sessionId, generation }))
    streams.signal(nodeChannel(formerOwner), note).catch(onError)
  }

  /** False for what no node has written. */
  #onTaken({ encoded }: SignalMessage): boolean {
    const taken = decodeTaken(encoded)
    if (taken === undefined) return false
    const { sessionId, generation } = taken
    const session = this.#bySessionId.get(sessionId)
    if (session === undefined) this.#options.rooms.endGrace(sessionId)
    else if (session.generation < generation) this.#lose(session)
    return true
  }

  #lose({ connection }: LiveSession): void {
    connection.close(CloseCode.SessionTakenOver)
  }

  /**
   * Another node has taken it and may not be in its rooms yet: until it tells that it is, or the grace is over, the user
   * counts there.
   */
  #loseEarly(session: LiveSession): void {
    this.#options.rooms.leaveAllLater(session.connection, session.sessionId)
    this.#lose(session)
  }

  async #finish(session: LiveSession, clean: boolean): Promise<void> {
    const { sessions } = this.#options
    if (clean) await sessions.end(session.sessionId, session.generation)
    else if (await this.#save(session)) await sessions.release(session.sessionId, session.generation)
  }

  #saveChanged(): void {
    const now = this.#options.clock.monotonic()
    for (const session of this.#byConnection.values()) {
      const period = session.changed ? POSITIONS_PERIOD_MS : REFRESH_PERIOD_MS
      if (session.kept && now - session.savedAt >= period) void this.#saveSafely(session)
    }
  }

  /** What cannot be written now is written at the next opportunity. */
  async #saveSafely(session: LiveSession): Promise<void> {
    try {
      if (!(await this.#save(session))) this.#loseEarly(session)
    } catch (error) {
      session.changed = true
      this.#options.onError(error)
    }
  }

  async #save(session: LiveSession): Promise<boolean> {
    if (session.doubt !== undefined) await this.#reclaim([session])
    if (session.connection.closed && session.doubt !== undefined) return false
    session.changed = false
    session.savedAt = this.#options.clock.monotonic()
    const saved = await this.#options.sessions.save(ownedBy(session))
    session.stored = true
    return saved
  }

  async #reclaim(sessions: readonly LiveSession[]): Promise<void> {
    const holdings = await this.#options.sessions.reclaim(sessions.map(ownedBy))
    const rewritten: LiveSession[] = []
    for (const [index, session] of sessions.entries()) {
      const { doubt, stored } = session
      const isGone = holdings[index] === 'gone'
      const isOver = holdings[index] === 'taken' || (isGone && stored && doubt?.departed === true)
      if (isOver) this.#lose(session)
      else session.doubt = undefined
      // What the store has of it may be as old as what it has of the presence.
      if (!isOver && (isGone || doubt?.departed === false)) rewritten.push(session)
    }
    const saved = await Promise.all(rewritten.map((session) => this.#save(session)))
    for (const [index, session] of rewritten.entries()) if (!saved[index]) this.#lose(session)
  }
}

function decodeTaken(encoded: Buffer): Pick<OwnedSession, 'sessionId' | 'generation'> | undefined {
  try {
    const { sessionId, generation } = JSON.parse(encoded.toString())
    return typeof sessionId === 'string' && Number.isSafeInteger(generation) ? { sessionId, generation } : undefined
  } catch {
    return undefined
  }
}

function nodeChannel(owner: string): string {
  return `node:${owner}`
}
