import type { Clock } from './clock.js'
import { CloseCode } from './close-codes.js'
import { connectionLost, errorOf } from './errors.js'
import type { ConnectionEnd } from './events.js'
import { type ClientMessage, decode, type ServerMessage, type Welcome } from './messages.js'
import { isOpen, openSocket, type WebSocketConstructor, type WebSocketLike } from './socket.js'

export interface ConnectionOptions {
  readonly url: string
  readonly WebSocket: WebSocketConstructor
  readonly clock: Clock
  /** How long the welcome may take, in milliseconds. */
  readonly welcomeTimeoutMs: number
  readonly onWelcome: (welcome: Welcome) => void
  /** Everything, as it went out. */
  readonly onSent: (message: ClientMessage) => void
  /** Everything, as it came. */
  readonly onReceived: (message: ServerMessage) => void
  /** Everything but the answers to `ask`. */
  readonly onMessage: (message: ServerMessage) => void
  /** Once, and not after `close`. */
  readonly onEnd: (end: ConnectionEnd) => void
}

interface Asked {
  readonly onAck: (ack: ServerMessage) => void
  readonly reject: (error: Error) => void
}

/** Heartbeats in a row without any frame in between, after which nobody is there any more. */
const MISSED_MAX = 2
const HEARTBEAT_INTERVAL_MS = 20_000
/** Tells these answers from those to the application's requests. */
const ASK_PREFIX = 'c'

/** One WebSocket, from its opening to its end, and the watch over whether anybody is still there. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: WebSocketLike
  readonly #asked = new Map<string, Asked>()
  #nextId = 0
  #ended = false
  #closed = false
  #missed = 0
  #cancelWatch: () => void
  #onClosed: () => void = () => {}

  /** Throws where the address is none. */
  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#cancelWatch = options.clock.after(options.welcomeTimeoutMs, () => this.#giveUp('no welcome'))
    try {
      this.#socket = openSocket(options.url, options.WebSocket, {
        onFrame: (data) => this.#onFrame(data),
        onClose: (end) => this.#onClose(end)
      })
    } catch (error) {
      this.#cancelWatch()
      throw error
    }
  }

  /** No more comes of it, and nothing more is sent. */
  get ended(): boolean {
    return this.#ended
  }

  send(message: ClientMessage): void {
    if (this.#ended || !isOpen(this.#socket)) return
    this.#socket.send(JSON.stringify(message))
    this.#options.onSent(message)
  }

  heartbeat(): void {
    this.send({ type: 'heartbeat' })
  }

  /**
   * Sends and waits for the answer. `onAck` runs before any later message is looked at: what follows an `ack` may
   * depend on it. Rejects with the server's error, or with `connection_lost`.
   */
  async ask(message: ClientMessage, onAck: (ack: ServerMessage) => void = () => {}): Promise<void> {
    if (this.#ended) throw connectionLost()
    const id = `${ASK_PREFIX}${++this.#nextId}`
    await new Promise<void>((resolve, reject) => {
      const settle = (ack: ServerMessage) => {
        onAck(ack)
        resolve()
      }
      this.#asked.set(id, { onAck: settle, reject })
      this.send({ ...message, id })
    })
  }

  /** Ends it from this side. Resolves when the closing handshake is over. */
  async close(code: number): Promise<void> {
    this.#end()
    if (this.#closed) return
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve
    })
    this.#socket.close(code)
    await closed
  }

  #onFrame(data: unknown): void {
    if (this.#ended) return
    this.#missed = 0
    const message = decode(data)
    if (message === undefined) return
    this.#options.onReceived(message)
    if (this.#settle(message)) return
    this.#options.onMessage(message)
    if (message.type === 'system' && message.action === 'connected') this.#onWelcome(message)
  }

  #onWelcome(welcome: Welcome): void {
    this.#beat(welcome.heartbeat_interval_ms ?? HEARTBEAT_INTERVAL_MS)
    this.#options.onWelcome(welcome)
  }

  /**
   * Pages do not see pings, so heartbeats ask for a sign of life. Beats are counted and not milliseconds: the timers
   * of a page in the background are late.
   */
  #beat(intervalMs: number): void {
    this.#cancelWatch()
    this.#cancelWatch = this.#options.clock.after(intervalMs, () => {
      if (this.#missed >= MISSED_MAX) return this.#giveUp('no sign of life')
      this.#missed++
      this.heartbeat()
      this.#beat(intervalMs)
    })
  }

  /** A dead connection would take minutes to close properly: it is left to itself. */
  #giveUp(reason: string): void {
    this.#end()
    this.#socket.close(CloseCode.GivenUp)
    this.#options.onEnd({ code: CloseCode.GivenUp, reason })
  }

  #onClose(end: ConnectionEnd): void {
    this.#closed = true
    this.#onClosed()
    if (this.#ended) return
    this.#end()
    this.#options.onEnd(end)
  }

  #end(): void {
    this.#ended = true
    this.#cancelWatch()
    for (const { reject } of this.#asked.values()) reject(connectionLost())
    this.#asked.clear()
  }

  #settle(message: ServerMessage): boolean {
    const { type, id = '' } = message
    const asked = this.#asked.get(id)
    if (asked === undefined) return false
    this.#asked.delete(id)
    if (type === 'error') asked.reject(errorOf(message))
    else asked.onAck(message)
    return true
  }
}
