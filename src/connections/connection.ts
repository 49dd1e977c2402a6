import type { Grant } from '../auth/grant.js'
import { type Few, withItem, withoutItem } from '../few.js'
import { type CloseCode, closeReasons } from '../protocol/close-codes.js'
import { Allowance, type Rates } from './allowance.js'
import { CommandQueue, type CommandQueueOwner } from './command-queue.js'
import type { OperationTimes } from './operation-rates.js'
import { Outbox, type OutboxOwner } from './outbox.js'
import type { Ping } from './ping.js'
import { FaultCounter } from './rate-limit.js'
import type { SharedAllowance } from './shared-allowances.js'
import type { Transport } from './transport.js'
import type { Turn } from './turn.js'

export interface ConnectionLimits {
  readonly slowConsumerBytes: number
  readonly rates: Rates
}

export interface ConnectionOptions {
  readonly id: string
  /** Of the client, behind the proxies that are trusted; empty where connections are not counted by it. */
  readonly address: string
  /** Which of its user's devices this is. */
  readonly deviceId: string
  /** Undefined until it has authenticated itself. */
  readonly grant: Grant | undefined
  readonly transport: Transport
  readonly turn: Turn
  readonly limits: ConnectionLimits
  /** This side closes it: its places are free from now on, whenever the peer answers. */
  readonly onClosing: (connection: Connection, code: CloseCode) => void
  /** Its first command was no `resume` that found a session. */
  readonly onFresh: () => void
  /** Not everything could be written to it at once. */
  readonly onBacklog: (connection: Connection) => void
  /** Monotonic, in milliseconds. */
  readonly now: number
}

/** 20 malformed messages, or 1,000 over the rate, within this time end the connection (protocol.md 2.9). */
const FAULT_WINDOW_MS = 10_000
const MALFORMED_MAX = 20
const RATE_LIMITED_MAX = 1000

/** Commands that may be under way before the connection is not read any more. */
const COMMANDS_MAX = 256

/** More commands than it may have under way, answers that it does not take, or the server's end. */
export type PauseReason = 'commands' | 'answers' | 'shutdown'

/** One live WebSocket. */
export class Connection implements CommandQueueOwner, OutboxOwner {
  readonly id: string
  readonly address: string
  readonly deviceId: string
  readonly outbox: Outbox
  readonly commands = new CommandQueue(COMMANDS_MAX, this)
  /** What it may do, and, where they are limited, its user and its address with all they have. */
  readonly allowance: Allowance
  userAllowance: SharedAllowance | undefined
  addressAllowance: SharedAllowance | undefined
  operationTimes: OperationTimes | undefined
  /** Null until a handshake or a message has told it. */
  userId: string | null = null
  /** What it may do; undefined until it has authenticated itself. */
  grant: Grant | undefined
  /** The newest removal of its user when the connection became the user's. */
  removalId: string | undefined
  /** It has done something that a session begins with. */
  begun = false
  /** Everything it had on this node was given up. */
  ended = false
  /** No more is taken from or sent to it. */
  closed = false
  /** Monotonic, in milliseconds. */
  lastSeenAt: number
  lastPingAt: number
  readonly #transport: Transport
  readonly #onClosing: (connection: Connection, code: CloseCode) => void
  readonly #onFresh: () => void
  readonly #onBacklog: (connection: Connection) => void
  #malformed: FaultCounter | undefined
  #rateLimited: FaultCounter | undefined
  #pauses: Few<PauseReason>
  #drainedBytes = 0
  #backlogged = false

  constructor(options: ConnectionOptions) {
    const { id, address, deviceId, grant, transport, turn, limits, onClosing, onFresh, onBacklog, now } = options
    this.id = id
    this.address = address
    this.deviceId = deviceId
    this.grant = grant
    this.outbox = new Outbox(transport, turn, limits.slowConsumerBytes, this)
    this.allowance = new Allowance(limits.rates, now)
    this.lastSeenAt = now
    this.lastPingAt = now
    this.#transport = transport
    this.#onClosing = onClosing
    this.#onFresh = onFresh
    this.#onBacklog = onBacklog
  }

  /** Counts messages that nobody of sound mind sends often. */
  get malformed(): FaultCounter {
    this.#malformed ??= new FaultCounter(MALFORMED_MAX, FAULT_WINDOW_MS)
    return this.#malformed
  }

  /** Counts messages beyond the rate. */
  get rateLimited(): FaultCounter {
    this.#rateLimited ??= new FaultCounter(RATE_LIMITED_MAX, FAULT_WINDOW_MS)
    return this.#rateLimited
  }

  /** A session of its own begins, unless it goes on with another by now. */
  begin(): void {
    if (this.begun) return
    this.begun = true
    this.#onFresh()
  }

  /** A frame of any kind came in. */
  touch(now: number): void {
    this.lastSeenAt = now
  }

  /** Time in which it could not be heard is not held against it. */
  excuse(ms: number, now: number): void {
    this.lastSeenAt = Math.min(this.lastSeenAt + ms, now)
  }

  /** When it was last heard of. That its socket took some of what was waiting counts, too. */
  signOfLifeAt(now: number): number {
    const { drainedBytes, bufferedBytes } = this.#transport
    if (this.#backlogged && drainedBytes > this.#drainedBytes) this.lastSeenAt = now
    this.#drainedBytes = drainedBytes
    this.#backlogged = bufferedBytes > 0
    return this.lastSeenAt
  }

  ping(ping: Ping, now: number): void {
    this.lastPingAt = now
    // What is queued has to be before the ping: its pong confirms it.
    this.outbox.endTurn()
    this.#transport.ping(ping)
  }

  /** Stops reading for as long as there is any reason to: its queue, its answers, the end of the server. */
  setPaused(reason: PauseReason, paused: boolean): void {
    const before = this.#pauses
    this.#pauses = paused ? withItem(before, reason) : withoutItem(before, reason)
    if (before === undefined && this.#pauses !== undefined) this.#transport.pause()
    if (before !== undefined && this.#pauses === undefined) this.#transport.resume()
  }

  /** Whether others have a turn before its next message. */
  deferNext(deferred: boolean): void {
    this.#transport.deferNext(deferred)
  }

  /** So many of its commands are under way that it is not read any more, or is read again. */
  onFull(full: boolean): void {
    this.setPaused('commands', full)
  }

  onBacklog(): void {
    this.#onBacklog(this)
  }

  /** Lets go of the socket, and of what waits for it. */
  cut(): void {
    this.#transport.cut()
  }

  /** Writes what is queued, then begins the closing handshake; one whose socket is gone is let go at once. Idempotent. */
  close(code: CloseCode): void {
    if (this.ended) return
    if (!this.closed) {
      this.outbox.endTurn()
      this.detach()
      this.#transport.close(code, closeReasons[code])
    }
    this.#onClosing(this, code)
  }

  /** The socket is gone or going: nothing more is queued or begun. Idempotent. */
  detach(): void {
    this.closed = true
    this.commands.clear()
    this.outbox.close()
  }
}
