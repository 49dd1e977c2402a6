import type { Clock } from '../../clock.js'
import { Deadlines } from '../../deadlines.js'
import { NotAskedError, storeUnavailable } from '../../errors.js'
import { type RedisConnection, renew } from './connections.js'
import { isOfAllSentinels, refusalOf, sentinelTroubleOf } from './refusals.js'

export interface RedisLineOptions {
  readonly connection: RedisConnection
  readonly clock: Clock
  /** Asks Redis for a sign of life. */
  readonly ping: (connection: RedisConnection) => Promise<unknown>
  /** Ticks without one after which Redis does not answer. */
  readonly patience: number
  /** What `trouble` says may be something else now. */
  readonly onChange: () => void
}

/** Clients are promised an answer within three seconds (protocol.md 2.8). */
const ANSWER_MS = 2500
/** After so many silent ticks the socket is thrown away: another may find a Redis that answers. */
const DISCARD_TICKS = 10
/** A refusal counts for so long: what was refused may not be asked again at once. */
const REFUSAL_MS = 2000

const NOT_CONNECTED = 'Redis is not connected'
const SILENT = 'Redis does not answer'

type Ask = (...keysAndArguments: unknown[]) => Promise<unknown>

/** What of a connection is no command. */
const plain: ReadonlySet<PropertyKey> = new Set(['on', 'once', 'off', 'disconnect', 'quit'])

/**
 * One connection to Redis as the ports use it. What is asked on it is answered in time, and is refused at once while
 * Redis does not answer: nothing piles up. Whether it answers is known from a ping at each tick.
 */
export class RedisLine {
  /** The connection with every command guarded; there is no other way to Redis for the ports. */
  readonly guarded: RedisConnection
  readonly #options: RedisLineOptions
  readonly #deadlines: Deadlines
  /** Of which nobody knows yet whether it is answered; another object after each reconnect. */
  #ping: object | undefined
  #heard = false
  #silentTicks = 0
  #refusal: { readonly reason: string; readonly atMs: number } | undefined
  #failure: string | undefined

  constructor(options: RedisLineOptions) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, ANSWER_MS)
    const { connection } = options
    connection.on('error', (error: unknown) => {
      // Why each of them was of no use has been told before it.
      if (!isOfAllSentinels(error)) this.#failure = refusalOf(error)
    })
    connection.on('sentinelError', (error: unknown) => {
      this.#failure = sentinelTroubleOf(error)
    })
    connection.on('messageBuffer', () => this.#hear())
    connection.on('ready', () => {
      this.#failure = undefined
      options.onChange()
    })
    connection.on('close', () => this.#onClose())
    this.guarded = this.#guard()
  }

  /** Why Redis does not serve on this connection; undefined where it does. */
  get trouble(): string | undefined {
    return this.#whyShut() ?? this.#recentRefusal()
  }

  /** Call twice a second. */
  tick(): void {
    const { connection, patience, onChange } = this.#options
    const before = this.#silentTicks
    this.#silentTicks = this.#isWaiting() && !this.#heard ? before + 1 : 0
    this.#heard = false
    if (this.#silentTicks >= DISCARD_TICKS) this.#discard()
    else if (this.#silentTicks === patience) this.#deadlines.endAll()
    if (connection.status === 'ready' && this.#ping === undefined) this.#askForLife()
    onChange()
  }

  #isWaiting(): boolean {
    // While it opens ioredis waits without an end for what a new connection asks first.
    return this.#ping !== undefined || this.#options.connection.status === 'connect'
  }

  #whyShut(): string | undefined {
    const { connection, patience } = this.#options
    if (connection.status !== 'ready') return this.#failure ?? NOT_CONNECTED
    return this.#silentTicks >= patience ? SILENT : undefined
  }

  #recentRefusal(): string | undefined {
    if (this.#refusal === undefined) return undefined
    return this.#options.clock.monotonic() - this.#refusal.atMs < REFUSAL_MS ? this.#refusal.reason : undefined
  }

  #guard(): RedisConnection {
    const guards = new WeakMap<object, unknown>()
    return new Proxy(this.#options.connection, {
      get: (connection, name) => {
        const value: unknown = Reflect.get(connection, name, connection)
        if (typeof value !== 'function') return value
        if (!guards.has(value)) guards.set(value, this.#guardOf(connection, name, value as Ask))
        return guards.get(value)
      }
    })
  }

  #guardOf(connection: RedisConnection, name: PropertyKey, command: Ask): unknown {
    if (plain.has(name)) return command.bind(connection)
    return (...keysAndArguments: unknown[]) => this.#ask(() => command.apply(connection, keysAndArguments))
  }

  /** Rejects with what Redis says, or with `store_unavailable`. */
  #ask(send: () => Promise<unknown>): Promise<unknown> {
    const why = this.#whyShut()
    if (why !== undefined) return Promise.reject(storeUnavailable(new NotAskedError(why)))
    this.#gather()
    return new Promise((resolve, reject) => {
      const end = this.#deadlines.begin(() => reject(storeUnavailable(new Error('no answer in time'))))
      send().then(
        (reply) => {
          end()
          this.#hear()
          resolve(reply)
        },
        (error) => {
          end()
          this.#onError(error)
          reject(error)
        }
      )
    })
  }

  /** What is asked in one turn of the event loop leaves in one write. */
  #gather(): void {
    const { stream } = this.#options.connection
    if (stream === undefined || stream.writableCorked > 0) return
    stream.cork()
    setImmediate(() => stream.uncork())
  }

  #askForLife(): void {
    const { connection, ping } = this.#options
    const asked = {}
    this.#ping = asked
    const onAnswer = () => {
      if (this.#ping === asked) this.#ping = undefined
      this.#hear()
    }
    ping(connection).then(onAnswer, (error) => {
      if (isReply(error)) onAnswer()
      this.#onError(error)
    })
  }

  #onError(error: unknown): void {
    if (!isReply(error)) return
    this.#hear()
    const reason = refusalOf(error)
    if (reason === undefined) return
    this.#refusal = { reason, atMs: this.#options.clock.monotonic() }
    this.#options.onChange()
  }

  #hear(): void {
    const wasSilent = this.#silentTicks >= this.#options.patience
    this.#heard = true
    this.#silentTicks = 0
    if (wasSilent) this.#options.onChange()
  }

  #onClose(): void {
    this.#ping = undefined
    this.#silentTicks = 0
    // Nobody will ever answer them.
    this.#deadlines.endAll()
    this.#options.onChange()
  }

  #discard(): void {
    this.#silentTicks = 0
    this.#ping = undefined
    renew(this.#options.connection)
  }
}

/** Whatever it says, Redis has answered; any other failure is of this side. */
function isReply(error: unknown): boolean {
  return (error as Error).name === 'ReplyError'
}
