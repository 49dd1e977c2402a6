import type { Channels, Loss } from './channels.js'
import type { Clock } from './clock.js'
import type { Connection } from './connection.js'
import { isPassing, RoomcastClientError } from './errors.js'
import type { ClientMessage, JoinAck, RemovedEvent, ResumeAck, RoomState, ServerMessage, Welcome } from './messages.js'

/** A token, or what gives a fresh one; that is asked again for every connection. */
export type Token = string | (() => string | Promise<string>)

export interface SessionOptions {
  readonly clock: Clock
  readonly channels: Channels
  readonly token: Token | undefined
  readonly onLoss: (loss: Loss) => void
  /** Takes it out of the channels. */
  readonly onRemoved: (removed: RemovedEvent) => void
  /** A room was found again. */
  readonly onRoom: (room: string, state: RoomState) => void
}

interface Credentials {
  readonly session_id: string
  readonly resume_token: string
}

const RETRY_MS = 1000

/** What makes a new connection go on where the one before ended: the token, the session, the rooms. */
export class Session {
  readonly #options: SessionOptions
  /** Those that were sent stay until the next are here: they work once more, should the answer be lost. */
  #credentials: Credentials | undefined

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /**
   * Authenticates, resumes the session, and joins again what it did not have. Resolves with whether it was resumed.
   * `takeOver` is called as soon as messages of the rooms come on this connection and no other. Rejects with
   * `connection_lost`, `no_token`, or the server's refusal of the token.
   */
  async recover(connection: Connection, welcome: Welcome, takeOver: () => void): Promise<boolean> {
    if (this.#options.token !== undefined) await this.authenticate(connection)
    const found = await this.#resume(connection, takeOver)
    if (found === undefined) this.#adopt(welcome)
    takeOver()
    const lost = this.#options.channels.rooms.filter((room) => found?.has(room) !== true)
    await Promise.all(lost.map((room) => this.#rejoin(connection, room)))
    return found !== undefined
  }

  /** Sends a fresh token, also before the old one expires. Rejects as `recover`. */
  async authenticate(connection: Connection): Promise<void> {
    const token = await freshToken(this.#options.token)
    await this.#ask(connection, { type: 'authenticate', token })
  }

  forget(): void {
    this.#credentials = undefined
  }

  /** The rooms that go on; undefined where there is no session, or none any more. */
  async #resume(connection: Connection, takeOver: () => void): Promise<Set<string> | undefined> {
    const { channels } = this.#options
    // The server keeps no session that has joined no room.
    if (this.#credentials === undefined || channels.rooms.length === 0) return undefined
    const found = new Set<string>()
    const onAck = (ack: ServerMessage) => {
      // Replays follow at once. What still comes on an older connection is among them.
      takeOver()
      this.#onResumed(ack as unknown as ResumeAck, found)
    }
    const message = { type: 'resume', ...this.#credentials, positions: channels.positions() }
    try {
      await this.#ask(connection, message, onAck)
      return found
    } catch (error) {
      if (connection.ended) throw error
      return undefined
    }
  }

  #onResumed({ session_id, resume_token, rooms, removed }: ResumeAck, found: Set<string>): void {
    const { channels, onRemoved } = this.#options
    this.#credentials = { session_id, resume_token }
    for (const room of removed) onRemoved({ room, reason: 'removed' })
    for (const [room, state] of Object.entries(rooms)) {
      if (!channels.has(room)) continue
      found.add(room)
      this.#onFound(room, state, channels.onRecovered(room, state))
    }
  }

  #adopt({ session_id, resume_token }: Welcome): void {
    const isWhole = session_id !== undefined && resume_token !== undefined
    this.#credentials = isWhole ? { session_id, resume_token } : undefined
  }

  /** Joins where the room was seen last. What does not let us in any more has removed us. */
  async #rejoin(connection: Connection, room: string): Promise<void> {
    const { channels, onRemoved } = this.#options
    const since = channels.position({ room })
    const onAck = (ack: ServerMessage) => {
      const state = ack as unknown as JoinAck
      if (channels.has(room)) this.#onFound(room, state, channels.onJoined(state, { since }))
    }
    try {
      await this.#ask(connection, { type: 'join_room', room, since }, onAck)
    } catch (error) {
      if (connection.ended) throw error
      onRemoved({ room, reason: error instanceof RoomcastClientError ? error.code : 'internal' })
    }
  }

  #onFound(room: string, state: RoomState, loss: Loss | undefined): void {
    if (loss !== undefined) this.#options.onLoss(loss)
    this.#options.onRoom(room, state)
  }

  /** Asks again after an error that passes. */
  async #ask(connection: Connection, message: ClientMessage, onAck?: (ack: ServerMessage) => void): Promise<void> {
    for (;;) {
      try {
        return await connection.ask(message, onAck)
      } catch (error) {
        if (!isPassing(error)) throw error
        const delayMs = error.retryAfterMs ?? RETRY_MS
        await new Promise<void>((resolve) => this.#options.clock.after(delayMs, resolve))
      }
    }
  }
}

async function freshToken(token: Token | undefined): Promise<string> {
  try {
    return typeof token === 'function' ? await token() : (token ?? '')
  } catch (cause) {
    throw new RoomcastClientError('no_token', 'The token could not be had', { cause })
  }
}
