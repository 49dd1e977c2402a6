import { Acknowledger } from './acknowledger.js'
import { Channels, type JoinRequest } from './channels.js'
import type { Connection } from './connection.js'
import { Connector } from './connector.js'
import { Emitter } from './emitter.js'
import { RoomcastClientError } from './errors.js'
import type { ClientEvents, State, StateChange } from './events.js'
import { newId } from './ids.js'
import { Inbound } from './inbound.js'
import type {
  ClientMessage,
  CursorAck,
  DirectAck,
  GroupAck,
  GroupMessage,
  HistoryPage,
  JoinAck,
  MembersPage,
  Position,
  PublishAck,
  ServerMessage
} from './messages.js'
import { type ClientOptions, type Settings, settingsOf } from './options.js'
import { PendingRequests, type RequestOptions } from './pending-requests.js'
import { Session } from './session.js'

/** Pages of history, by offsets; both exclusive, and not both. */
export interface HistoryQuery {
  readonly before?: number
  readonly after?: number
  readonly limit?: number
}

export interface PublishOptions {
  /** Under this id it is stored once, however often it is published; made where it is absent. */
  readonly messageId?: string | undefined
}

/**
 * A user's line to a Roomcast server. It survives dropped connections: the session is resumed, every message of a
 * room comes once and in order, and what was published is sent again until it is acknowledged. What is lost for good
 * is told by `gap` and `reset`.
 *
 * Every method that asks the server rejects with a `RoomcastClientError`. What is asked while there is no connection
 * waits for one.
 */
export class RoomcastClient {
  readonly #settings: Settings
  readonly #events = new Emitter<ClientEvents>()
  readonly #channels = new Channels()
  readonly #pending: PendingRequests
  readonly #inbound: Inbound
  readonly #acknowledger: Acknowledger | undefined
  readonly #session: Session
  readonly #connector: Connector

  /** Throws `invalid_id`, or a `TypeError` where the address is none or the runtime has no WebSocket. */
  constructor(options: ClientOptions) {
    const settings = settingsOf(options)
    this.#settings = settings
    this.#pending = new PendingRequests(settings)
    this.#acknowledger = settings.acknowledge === 'auto' ? this.#createAcknowledger() : undefined
    this.#inbound = new Inbound({
      channels: this.#channels,
      events: this.#events,
      acknowledger: this.#acknowledger,
      settle: (answer) => this.#pending.settle(answer)
    })
    this.#session = this.#createSession()
    this.#connector = this.#createConnector()
  }

  get state(): State {
    return this.#connector.state
  }

  /** The rooms one is in. */
  get rooms(): readonly string[] {
    return this.#channels.rooms
  }

  /** How far a room was seen; undefined for one that was not joined. */
  position(room: string): Position | undefined {
    return this.#channels.position({ room })
  }

  /** Calls `listener` for every `event` until the returned function is called. */
  on<K extends keyof ClientEvents>(event: K, listener: (event: ClientEvents[K]) => unknown): () => void {
    return this.#events.on(event, listener)
  }

  /**
   * Connects, and stays connected until `close` or until the server forbids it. Resolves when the connection is
   * there; rejects with `closed` where that never comes. Need not be awaited.
   */
  connect(): Promise<void> {
    this.#connector.connect()
    if (this.state === 'connected') return Promise.resolve()
    const connected = new Promise<void>((resolve, reject) => this.#settleOnState(resolve, reject))
    connected.catch(() => {})
    return connected
  }

  /** Says goodbye: the session ends, all rooms are left, and what waits is rejected with `closed`. */
  async close(): Promise<void> {
    this.#acknowledger?.flush()
    await this.#connector.close()
  }

  /** Tries at once where it waits for the next attempt: when a page hears that the network is back, for example. */
  retryNow(): void {
    this.#connector.retryNow()
  }

  /** Asks for a sign of life. It does so by itself, too, at the interval that the server names. */
  heartbeat(): void {
    this.#connector.send({ type: 'heartbeat' })
  }

  /**
   * Joins a room, now and after every drop. Resolves when one is in; waits for a connection as long as it takes.
   * With `since` or `last` the room begins there, also for who is in already: it may repeat what was seen.
   */
  async join(room: string, request: JoinRequest = {}): Promise<JoinAck> {
    const { since, last } = request
    const onAck = (ack: ServerMessage) =>
      this.#inbound.onLoss(this.#channels.onJoined(ack as unknown as JoinAck, request))
    const message = { type: 'join_room', room, since, last }
    return await this.#ask<JoinAck>(message, { lane: `membership ${room}`, onAck })
  }

  /** Nothing more is heard of the room from the call on. */
  async leave(room: string): Promise<void> {
    this.#channels.leave(room)
    const onAck = () => this.#channels.leave(room)
    await this.#ask({ type: 'leave_room', room }, { lane: `membership ${room}`, onAck })
  }

  /**
   * Stores a message in a room and sends it to the members, oneself included. It is tried until it is acknowledged,
   * fails for good, or `publishTimeoutMs` is over. One's publishes to one room keep their order.
   */
  async publish(room: string, content: unknown, options: PublishOptions = {}): Promise<PublishAck> {
    return await this.#publish<PublishAck>({ type: 'chat_message', room, content }, `room ${room}`, options)
  }

  /** Puts a message into the inbox of a user; tried as `publish`. */
  async direct(to: string, content: unknown, options: PublishOptions = {}): Promise<DirectAck> {
    return await this.#publish<DirectAck>({ type: 'direct_message', to, content }, `user ${to}`, options)
  }

  /** Stores a message for the members of a group; tried as `publish`. */
  async publishGroup(group: string, content: unknown, options: PublishOptions = {}): Promise<GroupAck> {
    return await this.#publish<GroupAck>({ type: 'group_message', group, content }, `group ${group}`, options)
  }

  /** Sends to the other members at most once: rejects where there is no connection, and is never sent again. */
  async signal(room: string, content: unknown): Promise<void> {
    await this.#ask({ type: 'signal', room, content }, { once: true, timeoutMs: this.#settings.requestTimeoutMs })
  }

  /** Reads from a room: the newest 50, or as `query` says. Oldest first. */
  async history(room: string, query: HistoryQuery = {}): Promise<HistoryPage> {
    return await this.#read<HistoryPage>({ type: 'read_history', room, ...query })
  }

  async groupHistory(group: string, query: HistoryQuery = {}): Promise<HistoryPage<GroupMessage>> {
    return await this.#read<HistoryPage<GroupMessage>>({ type: 'read_history', group, ...query })
  }

  async members(room: string, query: { limit?: number; cursor?: string } = {}): Promise<MembersPage> {
    return await this.#read<MembersPage>({ type: 'list_members', room, ...query })
  }

  /**
   * Acknowledges for this device everything up to a message of the inbox, or of a group where it has one. Takes the
   * message itself. Resolves with the cursor as it is then.
   */
  async acknowledge({ offset, epoch, group }: { offset: number; epoch?: string; group?: string }): Promise<CursorAck> {
    return await this.#read<CursorAck>({ type: 'inbox_ack', offset, epoch, group })
  }

  async #publish<T>(message: ClientMessage, lane: string, { messageId = newId() }: PublishOptions): Promise<T> {
    const { publishTimeoutMs: timeoutMs } = this.#settings
    return await this.#ask<T>({ ...message, message_id: messageId }, { lane, timeoutMs, messageId })
  }

  async #read<T>(message: ClientMessage): Promise<T> {
    return await this.#ask<T>(message, { timeoutMs: this.#settings.requestTimeoutMs })
  }

  async #ask<T>(message: ClientMessage, options: RequestOptions): Promise<T> {
    const { type, id, ...ack } = await this.#pending.submit(message, options)
    // What an ack carries is the server's promise (protocol.md 2.1).
    return ack as T
  }

  #settleOnState(resolve: () => void, reject: (error: Error) => void): void {
    const stop = this.#events.on('state', (change) => {
      if (change.state !== 'connected' && change.state !== 'closed') return
      stop()
      if (change.state === 'connected') resolve()
      else reject(closedError(change))
    })
  }

  #createAcknowledger(): Acknowledger {
    return new Acknowledger({
      clock: this.#settings.clock,
      send: (group, { offset, epoch }) => {
        const position = group === undefined ? { offset, epoch } : { offset, epoch, group }
        this.acknowledge(position).catch((error) => this.#report(error))
      },
      rewind: (group, position) => this.#channels.rewind(group === undefined ? { inbox: true } : { group }, position)
    })
  }

  #createSession(): Session {
    const { clock, token } = this.#settings
    return new Session({
      clock,
      token,
      channels: this.#channels,
      onLoss: (loss) => this.#inbound.onLoss(loss),
      onRemoved: (removed) => this.#inbound.onRemoved(removed),
      onRoom: (room, state) => this.#inbound.onRoom(room, state)
    })
  }

  #createConnector(): Connector {
    return new Connector({
      ...this.#settings,
      recover: (connection, welcome, takeOver) => this.#session.recover(connection, welcome, takeOver),
      isRefused: (error) => this.#isRefused(error),
      onSent: (message) => void this.#events.emit('sent', message),
      onReceived: (message) => void this.#events.emit('received', message),
      onMessage: (message, connection) => this.#onMessage(message, connection),
      onReady: (connection) => this.#pending.attach((message) => connection.send(message)),
      onLost: () => this.#pending.detach(),
      onState: (change) => this.#onState(change)
    })
  }

  #onMessage(message: ServerMessage, connection: Connection): void {
    const action = message.type === 'system' ? message.action : undefined
    // Before anything of the inbox comes on this connection.
    if (action === 'connected') this.#acknowledger?.onConnected()
    if (action === 'token_expiring' && typeof this.#settings.token === 'function') {
      this.#session.authenticate(connection).catch((error) => this.#report(error))
    }
    this.#inbound.receive(message)
  }

  #onState(change: StateChange): void {
    if (change.state === 'closed') {
      this.#pending.rejectAll(closedError(change))
      this.#channels.clear()
      this.#acknowledger?.clear()
      this.#session.forget()
    }
    this.#events.emit('state', change)
  }

  /** The same token would be refused again. */
  #isRefused(error: Error): boolean {
    this.#report(error)
    const { token } = this.#settings
    return error instanceof RoomcastClientError && error.code !== 'no_token' && typeof token === 'string'
  }

  #report(error: unknown): void {
    // That the client was closed is no news.
    if (error instanceof RoomcastClientError && error.code !== 'closed') this.#events.emit('error', error)
  }
}

function closedError({ end }: StateChange): RoomcastClientError {
  const reason = end?.reason || `code ${end?.code ?? 0}`
  return new RoomcastClientError('closed', `The connection is closed: ${reason}`, { cause: end?.error })
}
