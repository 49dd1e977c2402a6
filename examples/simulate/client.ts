import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { TokenBucket } from '../../src/connections/rate-limit.js'
import type { Heard, Log } from './order.js'

/** A message of the server, as far as it is looked at here. */
interface ServerMessage {
  readonly type: string
  readonly action?: string
  readonly id?: string
  readonly room?: string
  readonly message_id?: string
  readonly epoch?: string
  readonly offset?: number
  readonly code?: string
  readonly message?: string
  readonly retry_after_ms?: number
}

export interface ClientOptions {
  readonly url: URL
  readonly room: string
  readonly userId: string
  readonly onHeard: (messageId: string) => void
  /** The connection is gone before it was closed here, or never came about. */
  readonly onFailure: (error: Error) => void
}

export interface PublishOptions {
  readonly messageId: string
  readonly content: unknown
  /** It goes out now; called again where it has to be sent again. */
  readonly onSent: () => void
}

/** Somewhat below what a server allows one connection by default: 100 a second and 200 at once. */
const SENT_PER_SECOND = 80
const SENT_AT_ONCE = 150
const HEARTBEAT_MS = 1000
/** Failures that pass: the same message is sent again, and its id keeps it from being stored twice. */
const passing: ReadonlySet<string> = new Set(['rate_limited', 'store_unavailable'])
const RETRY_MS = 1000
/** A server that does not finish the closing handshake within this time is not waited for longer. */
const socketOptions = { perMessageDeflate: false, closeTimeout: 2000 }

/** One connection that joins a room, sends, and keeps books of what it hears. */
export class SimulatedClient implements Log {
  readonly name: string
  readonly heard: Heard[] = []
  joinedAt = 0
  heartbeatsSent = 0
  heartbeatsAnswered = 0
  readonly #options: ClientOptions
  readonly #socket: WebSocket
  readonly #answers = new Map<string, (answer: ServerMessage) => void>()
  readonly #bucket = new TokenBucket(SENT_PER_SECOND, SENT_AT_ONCE, performance.now())
  readonly #welcomed: Promise<void>
  #heartbeats: NodeJS.Timeout | undefined
  #onWelcome = () => {}
  #onHeartbeat = () => {}
  #nextId = 0

  constructor(options: ClientOptions) {
    this.#options = options
    this.name = options.userId
    this.#welcomed = new Promise((resolve) => {
      this.#onWelcome = resolve
    })
    const url = new URL(options.url)
    url.searchParams.set('user_id', options.userId)
    this.#socket = new WebSocket(url, socketOptions)
    this.#socket.on('message', (data) => this.#onMessage(JSON.parse(data.toString())))
    this.#socket.on('error', options.onFailure)
    this.#socket.on('close', (code) => options.onFailure(new Error(`${this.name} was closed with ${code}`)))
  }

  /** Waits for the welcome, joins, and begins with heartbeats. */
  async join(): Promise<void> {
    await this.#welcomed
    const { offset = 0 } = await this.#ask({ type: 'join_room', room: this.#options.room })
    this.joinedAt = offset
    this.#sendHeartbeat()
    this.#heartbeats = setInterval(() => this.#sendHeartbeat(), HEARTBEAT_MS)
  }

  /** Sends a message and resolves when the server has acknowledged it. */
  async publish({ messageId, content, onSent }: PublishOptions): Promise<void> {
    await this.#ask({ type: 'chat_message', room: this.#options.room, message_id: messageId, content }, onSent)
  }

  /** Sends no more heartbeats, and resolves when all of them were answered. */
  async finishHeartbeats(): Promise<void> {
    clearInterval(this.#heartbeats)
    while (this.heartbeatsAnswered < this.heartbeatsSent) {
      await new Promise<void>((resolve) => {
        this.#onHeartbeat = resolve
      })
    }
  }

  /** Resolves when the closing handshake is over. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeats)
    if (this.#socket.readyState === WebSocket.CLOSED) return
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
    this.#socket.close(1000)
    await closed
  }

  /** Sends with an id until the answer is an `ack`. Rejects where trying again would not help. */
  async #ask(message: object, onSent = () => {}): Promise<ServerMessage> {
    for (;;) {
      await this.#turn()
      const id = String(++this.#nextId)
      const answer = await new Promise<ServerMessage>((resolve) => {
        this.#answers.set(id, resolve)
        onSent()
        this.#send({ id, ...message })
      })
      if (answer.type !== 'error') return answer
      const { code = '', message: text, retry_after_ms: retryAfterMs = RETRY_MS } = answer
      if (!passing.has(code)) throw new Error(`${this.name} was answered ${code}: ${text}`)
      await sleep(retryAfterMs)
    }
  }

  /** Until the server may be sent one more. */
  async #turn(): Promise<void> {
    for (;;) {
      const waitMs = this.#bucket.take(performance.now())
      if (waitMs === 0) return
      await sleep(waitMs)
    }
  }

  #sendHeartbeat(): void {
    this.heartbeatsSent++
    this.#send({ type: 'heartbeat' })
  }

  #send(message: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message))
  }

  #onMessage(message: ServerMessage): void {
    const { type, action, id, room, message_id: messageId = '', epoch = '', offset = 0 } = message
    if (type === 'chat_message' && room === this.#options.room) {
      this.heard.push({ messageId, epoch, offset })
      this.#options.onHeard(messageId)
    } else if (type === 'heartbeat_ack') {
      this.heartbeatsAnswered++
      this.#onHeartbeat()
    } else if (action === 'connected') {
      this.#onWelcome()
    } else if (id !== undefined) {
      this.#answers.get(id)?.(message)
      this.#answers.delete(id)
    }
  }
}
