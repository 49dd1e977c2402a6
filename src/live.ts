import type { Grant } from './auth/grant.js'
import type { Clock } from './clock.js'
import type { BufferBudget } from './connections/buffer-budget.js'
import { Connection, type ConnectionLimits, type ConnectionOptions } from './connections/connection.js'
import type { ConnectionPool } from './connections/connection-pool.js'
import { Drain } from './connections/drain.js'
import type { HandshakeBudget } from './connections/handshake-budget.js'
import type { Heartbeat } from './connections/heartbeat.js'
import { Slices } from './connections/slices.js'
import type { Transport } from './connections/transport.js'
import type { Turn } from './connections/turn.js'
import { Deadlines } from './deadlines.js'
import { type ReportError, receive, refuse, refuseLine } from './dispatch.js'
import type { RoomcastError } from './errors.js'
import type { Context, Services } from './handlers/context.js'
import type { DeviceFeeds } from './inbox/device-feeds.js'
import { CloseCode, isCleanClose } from './protocol/close-codes.js'
import { encodeConnected } from './protocol/pushes.js'

export interface LiveOptions extends Services {
  readonly clock: Clock
  readonly pool: ConnectionPool
  readonly handshakes: HandshakeBudget
  readonly buffers: BufferBudget<Connection>
  readonly heartbeat: Heartbeat
  readonly turn: Turn
  readonly feeds: DeviceFeeds
  readonly limits: ConnectionLimits
  readonly messageBytesMax: number
  readonly heartbeatIntervalMs: number
  /** Over which time the end sends the clients elsewhere; 0 where there is no other node. */
  readonly drainMs: number
  readonly report: ReportError
}

export interface Arrival {
  readonly transport: Transport
  readonly address: string
  readonly deviceId: string
  /** From the handshake; null where it told none. */
  readonly userId: string | null
  /** What its token grants, or open mode does; undefined where it is yet to authenticate itself. */
  readonly grant: Grant | undefined
  /** A frame may hold more than one message, one a line. */
  readonly ndjson: boolean
}

/** What a socket tells of itself. None of them throws. */
export interface LiveConnection {
  readonly id: string
  onFrame(frame: Buffer, isBinary: boolean): void
  onPing(): void
  onPong(payload: Buffer): void
  onClose(code: number): void
}

interface ReceivedFrame {
  readonly frame: Buffer
  readonly isBinary: boolean
  readonly ndjson: boolean
}

/** What becomes of what a socket tells. */
interface Hearing {
  readonly onFrame: (context: Context, received: ReceivedFrame) => void
  readonly onPing: (context: Context) => void
  readonly onPong: (context: Context, payload: Buffer) => void
  readonly onClose: (context: Context, code: number) => void
}

/** One connection with what its commands work with. A class, so that no connection has functions of its own. */
class HeardConnection implements LiveConnection {
  readonly #context: Context
  readonly #hearing: Hearing
  readonly #ndjson: boolean

  constructor(context: Context, hearing: Hearing, ndjson: boolean) {
    this.#context = context
    this.#hearing = hearing
    this.#ndjson = ndjson
  }

  get id(): string {
    return this.#context.connection.id
  }

  onFrame(frame: Buffer, isBinary: boolean): void {
    this.#hearing.onFrame(this.#context, { frame, isBinary, ndjson: this.#ndjson })
  }

  onPing(): void {
    this.#hearing.onPing(this.#context)
  }

  onPong(payload: Buffer): void {
    this.#hearing.onPong(this.#context, payload)
  }

  onClose(code: number): void {
    this.#hearing.onClose(this.#context, code)
  }
}

/** A connection whose socket is gone. */
interface Loss {
  readonly context: Context
  readonly code: number
}

const LINE_FEED = 10
/** Clients are promised an answer within three seconds (protocol.md 2.8). */
const COMMAND_MS = 2800

/** The life of connections on this node, from the welcome to the end. */
export class Live {
  readonly #options: LiveOptions
  readonly #ending = new Set<Promise<void>>()
  readonly #losses = new Slices<Loss>((loss) => this.#onLost(loss))
  readonly #drain: Drain
  readonly #deadlines: Deadlines
  /** What connections tell of themselves, and what their sockets tell of them: the same functions for all. */
  readonly #ends: Pick<ConnectionOptions, 'onClosing' | 'onFresh' | 'onBacklog'>
  readonly #hearing: Hearing
  #draining = false
  #closing = false
  /** Sockets that are not quite gone yet. */
  #sockets = 0
  #onEmpty = () => {}

  constructor(options: LiveOptions) {
    this.#options = options
    this.#drain = new Drain({ clock: options.clock, durationMs: options.drainMs })
    this.#deadlines = new Deadlines(options.clock, COMMAND_MS)
    this.#ends = {
      onClosing: (connection, code) => {
        options.limiter.refusals.onClose(code)
        this.#end(connection, code)
      },
      onFresh: () => options.handshakes.chargeFresh(),
      onBacklog: (connection) => options.buffers.note(connection)
    }
    this.#hearing = {
      onFrame: (context, received) => this.#onFrame(context, received),
      onPing: (context) => this.#onControlFrame(context),
      onPong: (context, payload) => this.#onPong(context, payload),
      onClose: (context, code) => this.#onClose(context, code)
    }
  }

  /** Takes a new connection in and welcomes it. */
  open({ transport, address, deviceId, userId, grant, ndjson }: Arrival): LiveConnection {
    const { authenticator, clock, random, pool, heartbeat, turn, limits } = this.#options
    const { rooms, users, inbox, groups, sessions, limiter } = this.#options
    const now = clock.monotonic()
    const place = { id: random.uuid(), address, deviceId, grant, transport, turn }
    const connection = new Connection({ ...place, ...this.#ends, limits, now })
    pool.add(connection)
    this.#sockets++
    heartbeat.add(connection)
    const welcome = {
      connectionId: connection.id,
      ...sessions.open(connection),
      userId: grant === undefined ? null : userId,
      heartbeatIntervalMs: this.#options.heartbeatIntervalMs
    }
    connection.outbox.pushPayload(encodeConnected({ ...welcome, now: clock.now() }))
    const context: Context = {
      authenticator,
      rooms,
      users,
      inbox,
      groups,
      sessions,
      limiter,
      clock,
      random,
      connection,
      deadlines: this.#deadlines
    }
    try {
      authenticator.admit(connection, userId)
    } catch (error) {
      // The last place was taken between the handshake and now.
      refuse(context, error as RoomcastError, undefined)
    }
    // At once: it goes out with the answer to the handshake.
    connection.outbox.endTurn()
    return new HeardConnection(context, this.#hearing, ndjson)
  }

  /** Commands that are not answered yet, of all connections. */
  get commandsUnderWay(): number {
    return this.#deadlines.size
  }

  /** No more connections are to be taken in. */
  get draining(): boolean {
    return this.#draining
  }

  /** Nothing at all is to be begun any more. */
  get closing(): boolean {
    return this.#closing
  }

  /**
   * Takes in no more connections and sends those that are there elsewhere; meanwhile everything goes on. Resolves when
   * they have left or their time is over.
   */
  async drain(): Promise<void> {
    this.#draining = true
    this.#onEmpty = () => this.#drain.finish()
    await this.#drain.run(this.#options.pool.all())
  }

  /**
   * Answers what was asked so far, saves the sessions, closes every connection, and resolves when all they were in has
   * been left, or after `timeoutMs`.
   */
  async close(timeoutMs: number): Promise<void> {
    const { clock, pool } = this.#options
    this.#draining = true
    this.#closing = true
    const timeout = new Promise<void>((resolve) => clock.after(timeoutMs, resolve))
    await Promise.race([this.#settle(), timeout])
    for (const connection of pool.all()) connection.close(CloseCode.Restarting)
    await Promise.race([this.#emptied(), timeout])
  }

  /** Gives the drain up, now or later: who is still there is closed at once. */
  hurry(): void {
    this.#drain.hurry()
  }

  /** Nothing more is asked until everything is answered and saved: who is closed then is elsewhere at once. */
  async #settle(): Promise<void> {
    const { pool, sessions } = this.#options
    const connections = [...pool.all()]
    for (const connection of connections) connection.setPaused('shutdown', true)
    await Promise.all(connections.map(({ commands }) => commands.idle()))
    await sessions.saveAll()
    for (const connection of connections) connection.setPaused('shutdown', false)
  }

  async #emptied(): Promise<void> {
    if (this.#sockets > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve
      })
    }
    while (this.#ending.size > 0) await Promise.allSettled(this.#ending)
  }

  #onFrame(context: Context, { frame, isBinary, ndjson }: ReceivedFrame): void {
    const { clock, messageBytesMax, report } = this.#options
    const { connection } = context
    connection.touch(clock.monotonic())
    if (isBinary) connection.close(CloseCode.UnsupportedData)
    else if (ndjson) this.#onLines(context, frame)
    else if (frame.length > messageBytesMax) connection.close(CloseCode.FrameTooLarge)
    else receive(context, { text: frame.toString(), bytes: frame.length }, report)
    // Answers that the peer does not take must not pile up: it is read again when it has taken them.
    if (connection.outbox.lagging && !connection.closed) this.#pauseUntilReady(connection)
  }

  #onPong(context: Context, payload: Buffer): void {
    this.#onControlFrame(context)
    context.sessions.onPong(context.connection, Number(payload))
  }

  #onControlFrame(context: Context): void {
    context.connection.touch(context.clock.monotonic())
    this.#countUnanswered(context, 0)
  }

  /** It counts as a message does, but nobody is told of one that is one too many. */
  #countUnanswered({ connection, limiter, clock }: Context, bytes: number): void {
    if (connection.closed) return
    const now = clock.monotonic()
    const isOver = limiter.take(connection, now, bytes) > 0
    if (isOver && connection.rateLimited.add(now)) connection.close(CloseCode.RateLimitBroken)
  }

  /** Its place is free for others at once; what else there is to do for one that dropped can wait for its turn. */
  #onClose(context: Context, code: number): void {
    this.#freePlace(context.connection)
    if (context.connection.ended) this.#onLost({ context, code })
    else this.#losses.add({ context, code })
  }

  #onLost({ context: { connection }, code }: Loss): void {
    this.#end(connection, code)
    this.#sockets--
    if (this.#sockets === 0) this.#onEmpty()
  }

  #onLines(context: Context, frame: Buffer): void {
    const { messageBytesMax, report } = this.#options
    let start = afterLineFeeds(frame, 0)
    // Frames without a message must not be cheaper than those with one.
    if (start === frame.length) this.#countUnanswered(context, frame.length)
    while (start < frame.length && !context.connection.closed) {
      const lineFeed = frame.indexOf(LINE_FEED, start)
      const end = lineFeed === -1 ? frame.length : lineFeed
      if (end - start > messageBytesMax) refuseLine(context, end - start)
      else receive(context, { text: frame.toString('utf8', start, end), bytes: end - start }, report)
      start = afterLineFeeds(frame, end)
    }
  }

  #pauseUntilReady(connection: Connection): void {
    connection.setPaused('answers', true)
    connection.outbox.ready().then(() => connection.setPaused('answers', false))
  }

  /** Idempotent. */
  #freePlace(connection: Connection): void {
    const { authenticator, buffers, feeds, pool, heartbeat } = this.#options
    connection.detach()
    pool.remove(connection)
    heartbeat.remove(connection)
    buffers.forget(connection)
    authenticator.forget(connection)
    feeds.detachAll(connection)
  }

  /**
   * The connection is over, whoever ends it: its places are free, and what it was in is left, at once where it said
   * goodbye, and kept for its return where it dropped. Idempotent.
   */
  #end(connection: Connection, code: number): void {
    if (connection.ended) return
    connection.ended = true
    const { rooms, sessions, users, report } = this.#options
    this.#freePlace(connection)
    const clean = isCleanClose(code)
    if (!clean) rooms.leaveAllLater(connection, sessions.idOf(connection))
    const left = clean ? rooms.leaveAll(connection) : undefined
    const ending = Promise.all([left, sessions.closed(connection, clean), users.forget(connection)]).then(
      () => {},
      report
    )
    this.#ending.add(ending)
    void ending.then(() => this.#ending.delete(ending))
  }
}

/** Where the next line that is not empty begins. A million empty ones are not looked for one by one. */
function afterLineFeeds(frame: Buffer, from: number): number {
  let at = from
  while (frame[at] === LINE_FEED) at++
  return at
}
