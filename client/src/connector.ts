import { Backoff } from './backoff.js'
import type { Clock } from './clock.js'
import { CloseCode, isFinal } from './close-codes.js'
import { Connection } from './connection.js'
import type { ConnectionEnd, State, StateChange } from './events.js'
import type { ClientMessage, ServerMessage, Welcome } from './messages.js'
import type { WebSocketConstructor } from './socket.js'

export interface ConnectorOptions {
  readonly url: string
  readonly WebSocket: WebSocketConstructor
  readonly clock: Clock
  readonly random: () => number
  readonly welcomeTimeoutMs: number
  /**
   * Makes a new connection go on where the one before ended; resolves with whether the session was resumed. Calls
   * `takeOver` when messages come on this connection and no other. Where it rejects, the connection is given up,
   * for good if `isRefused` says so.
   */
  readonly recover: (connection: Connection, welcome: Welcome, takeOver: () => void) => Promise<boolean>
  readonly isRefused: (error: Error) => boolean
  readonly onSent: (message: ClientMessage) => void
  readonly onReceived: (message: ServerMessage) => void
  readonly onMessage: (message: ServerMessage, connection: Connection) => void
  readonly onReady: (connection: Connection) => void
  /** The connection that was ready is gone. */
  readonly onLost: () => void
  readonly onState: (change: StateChange) => void
}

/** A connection that lived this long was a good one: the next failure is the first again. */
const STABLE_MS = 5000
/** Where a `goaway` gives no time of its own. */
const GOAWAY_WITHIN_MS = 10_000

/** Keeps one connection: opens it, opens another when it drops or is about to, and stops where that would be wrong. */
export class Connector {
  readonly #options: ConnectorOptions
  readonly #backoff: Backoff
  #state: State = 'idle'
  /** The one that counts. */
  #current: Connection | undefined
  /** About to take over from the current one, whose node goes away. */
  #next: Connection | undefined
  #cancelTimer: () => void = () => {}
  #cancelTakeOver: () => void = () => {}
  #cancelStable: () => void = () => {}

  constructor(options: ConnectorOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.random)
  }

  get state(): State {
    return this.#state
  }

  /** Does nothing where it is connecting or connected already. Throws where the address is none. */
  connect(): void {
    if (this.#state !== 'idle' && this.#state !== 'closed') return
    this.#current = this.#open()
    this.#setState('connecting')
  }

  /** Says goodbye. Resolves when the closing handshakes are over. */
  async close(): Promise<void> {
    const open = [this.#current, this.#next]
    this.#stop({ code: CloseCode.Normal, reason: '' })
    await Promise.all(open.map((connection) => connection?.close(CloseCode.Normal)))
  }

  /** Does not wait any longer where it waits for the next attempt. */
  retryNow(): void {
    if (this.#state === 'waiting') this.#reopen()
  }

  /** Sends on the current connection, if there is one. */
  send(message: ClientMessage): void {
    this.#current?.send(message)
  }

  #open(): Connection {
    const { url, WebSocket, clock, welcomeTimeoutMs, onSent, onReceived, onMessage } = this.#options
    const connection: Connection = new Connection({
      url,
      WebSocket,
      clock,
      welcomeTimeoutMs,
      onSent,
      onReceived,
      onWelcome: (welcome) => void this.#recover(connection, welcome),
      onMessage: (message) => {
        if (message.type === 'system' && message.action === 'goaway') this.#onGoaway(connection, message)
        onMessage(message, connection)
      },
      onEnd: (end) => this.#onEnd(connection, end)
    })
    return connection
  }

  #reopen(): void {
    this.#cancelTimer()
    this.#current = this.#open()
    this.#setState('connecting')
  }

  async #recover(connection: Connection, welcome: Welcome): Promise<void> {
    try {
      const resumed = await this.#options.recover(connection, welcome, () => this.#takeOver(connection))
      if (connection.ended) return
      this.#options.onReady(connection)
      this.#setState('connected', { resumed })
      this.#cancelStable = this.#options.clock.after(STABLE_MS, () => this.#backoff.reset())
    } catch (error) {
      if (!connection.ended) this.#refuse(connection, error as Error)
    }
  }

  #refuse(connection: Connection, error: Error): void {
    void connection.close(CloseCode.GivenUp)
    const end = { code: CloseCode.GivenUp, reason: error.message, error }
    if (this.#options.isRefused(error)) this.#stop(end)
    else this.#onEnd(connection, end)
  }

  #takeOver(connection: Connection): void {
    if (this.#current === connection) return
    const old = this.#current
    this.#current = connection
    this.#next = undefined
    this.#lose()
    // It no longer owns the session: its goodbye ends nothing.
    void old?.close(CloseCode.Normal)
  }

  #onEnd(connection: Connection, end: ConnectionEnd): void {
    const isNext = connection === this.#next
    if (isNext) this.#next = undefined
    else this.#lose()
    // What has taken over can only have been the next one.
    const successor = end.code === CloseCode.SessionTakenOver ? this.#next : undefined
    if (isFinal(end.code) && successor === undefined) this.#stop(end)
    else if (isNext) this.#takeOverLater(this.#backoff.next())
    else if (this.#next !== undefined) this.#promote()
    else this.#wait(end)
  }

  /** The current connection ended before the next one was ready. */
  #promote(): void {
    this.#current = this.#next
    this.#next = undefined
    this.#setState('connecting')
  }

  #wait(end: ConnectionEnd): void {
    this.#cancelTakeOver()
    this.#current = undefined
    const retryInMs = this.#backoff.next()
    this.#cancelTimer = this.#options.clock.after(retryInMs, () => this.#reopen())
    this.#setState('waiting', { end, retryInMs })
  }

  #onGoaway(connection: Connection, { reconnect_within_ms: withinMs = GOAWAY_WITHIN_MS }: ServerMessage): void {
    if (connection !== this.#current || this.#next !== undefined) return
    this.#takeOverLater(this.#options.random() * withinMs)
  }

  #takeOverLater(delayMs: number): void {
    this.#cancelTakeOver()
    this.#cancelTakeOver = this.#options.clock.after(delayMs, () => {
      this.#next = this.#open()
    })
  }

  #lose(): void {
    this.#cancelStable()
    this.#options.onLost()
  }

  #stop(end: ConnectionEnd): void {
    if (this.#state === 'idle' || this.#state === 'closed') return
    this.#cancelTimer()
    this.#cancelTakeOver()
    this.#lose()
    const open = [this.#current, this.#next]
    this.#current = undefined
    this.#next = undefined
    this.#backoff.reset()
    for (const connection of open) void connection?.close(CloseCode.Normal)
    this.#setState('closed', { end })
  }

  #setState(state: State, details: Omit<StateChange, 'state' | 'previous'> = {}): void {
    const previous = this.#state
    if (state === previous) return
    this.#state = state
    this.#options.onState({ state, previous, ...details })
  }
}
