import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { RoomcastClient, type ServerMessage, type StateChange } from '../../client/src/index.js'
import { TokenBucket } from '../../src/connections/rate-limit.js'
import type { Heard, Log } from './order.js'

export interface ClientOptions {
  readonly url: URL
  readonly room: string
  readonly userId: string
  /** Where the server asks for one. */
  readonly token: (() => Promise<string>) | undefined
  readonly onHeard: (messageId: string) => void
  /** The connection is gone before it was closed here, or never came about. */
  readonly onFailure: (error: Error) => void
}

export interface PublishOptions {
  readonly messageId: string
  readonly content: unknown
  /** It goes out now. */
  readonly onSent: () => void
}

/** Somewhat below what a server allows one connection by default: 100 a second and 200 at once. */
const SENT_PER_SECOND = 80
const SENT_AT_ONCE = 150
const HEARTBEAT_MS = 1000
/** A server that does not finish the closing handshake within this time is not waited for longer. */
const socketOptions = { perMessageDeflate: false, closeTimeout: 2000 }

class Socket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, socketOptions)
  }
}

/** A client that joins a room, sends, and keeps books of what it hears. */
export class SimulatedClient implements Log {
  readonly name: string
  readonly heard: Heard[] = []
  joinedAt = 0
  heartbeatsSent = 0
  heartbeatsAnswered = 0
  readonly #options: ClientOptions
  readonly #client: RoomcastClient
  readonly #bucket = new TokenBucket(SENT_PER_SECOND, SENT_AT_ONCE, performance.now())
  #heartbeats: NodeJS.Timeout | undefined
  #onHeartbeat = () => {}
  #closing = false

  constructor(options: ClientOptions) {
    this.#options = options
    this.name = options.userId
    const { url, userId, token } = options
    this.#client = new RoomcastClient({ url, userId, token, WebSocket: Socket })
    this.#client.on('state', (change) => this.#onState(change))
    // What the client would sort out is to be seen here.
    this.#client.on('sent', ({ type }) => {
      if (type === 'heartbeat') this.heartbeatsSent++
    })
    this.#client.on('received', (message) => this.#onReceived(message))
    this.#client.connect()
  }

  /** Joins, and begins with heartbeats. */
  async join(): Promise<void> {
    const { offset } = await this.#client.join(this.#options.room)
    this.joinedAt = offset
    this.#client.heartbeat()
    this.#heartbeats = setInterval(() => this.#client.heartbeat(), HEARTBEAT_MS)
  }

  /** Sends a message and resolves when the server has acknowledged it. */
  async publish({ messageId, content, onSent }: PublishOptions): Promise<void> {
    await this.#turn()
    onSent()
    await this.#client.publish(this.#options.room, content, { messageId })
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
    this.#closing = true
    clearInterval(this.#heartbeats)
    await this.#client.close()
  }

  /** Until the server may be sent one more. */
  async #turn(): Promise<void> {
    for (;;) {
      const waitMs = this.#bucket.take(performance.now())
      if (waitMs === 0) return
      await sleep(waitMs)
    }
  }

  /** The client would come back; a simulation without a fault has no reason for that. */
  #onState({ end }: StateChange): void {
    if (end === undefined || this.#closing) return
    this.#options.onFailure(end.error ?? new Error(`${this.name} was closed with ${end.code}`))
  }

  #onReceived({ type, room, message_id: messageId = '', epoch = '', offset = 0 }: ServerMessage): void {
    if (type === 'chat_message' && room === this.#options.room) {
      this.heard.push({ messageId, epoch, offset })
      this.#options.onHeard(messageId)
    } else if (type === 'heartbeat_ack') {
      this.heartbeatsAnswered++
      this.#onHeartbeat()
    }
  }
}
