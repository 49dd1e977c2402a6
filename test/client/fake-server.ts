import { setImmediate } from 'node:timers/promises'
import {
  type ClientEvents,
  RoomcastClient,
  type WebSocketConstructor,
  type WebSocketLike
} from '../../client/src/index.js'
import type { ClientOptions } from '../../client/src/options.js'
import type { Message } from '../support/live-client.js'
import { ManualClock } from '../support/manual-clock.js'

type Listener = (event: object) => void

const CONNECTING = 0
const OPEN = 1
const CLOSED = 3

/** One connection as the server's side has it: nothing happens that the test does not make happen. */
export class FakeSocket implements WebSocketLike {
  readonly url: string
  readyState = CONNECTING
  /** What the client sent, oldest first. */
  readonly sent: Message[] = []
  /** The code with which the client closed it. */
  closedWith: number | undefined
  readonly #listeners: Record<string, Listener[]> = {}

  constructor(url: string) {
    this.url = url
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners[type] = [...(this.#listeners[type] ?? []), listener]
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data))
  }

  close(code = 1005): void {
    if (this.closedWith !== undefined || this.readyState === CLOSED) return
    this.closedWith = code
    queueMicrotask(() => this.drop(code))
  }

  /** The server accepts and says hello. */
  welcome(fields: object = {}): void {
    this.readyState = OPEN
    this.say({ type: 'system', action: 'connected', heartbeat_interval_ms: 20_000, ...fields })
  }

  say(...messages: object[]): void {
    for (const message of messages) this.#emit('message', { data: JSON.stringify(message) })
  }

  raw(data: unknown): void {
    this.#emit('message', { data })
  }

  /** The connection ends. */
  drop(code = 1006, reason = '', error?: Error): void {
    if (this.readyState === CLOSED) return
    this.readyState = CLOSED
    if (error !== undefined) this.#emit('error', { error })
    this.#emit('close', { code, reason })
  }

  /** Messages of a type that the client has sent. */
  all(type: string): Message[] {
    return this.sent.filter((message) => message.type === type)
  }

  /** The newest message of a type that the client has sent; throws where there is none. */
  last(type: string): Message {
    const message = this.all(type).at(-1)
    if (message === undefined) throw new Error(`the client sent no ${type}: ${JSON.stringify(this.sent)}`)
    return message
  }

  /** Answers the newest message of a type with an `ack`. */
  async ack(type: string, body: object = {}): Promise<void> {
    this.say({ type: 'ack', id: this.last(type).id, ...body })
    await setImmediate()
  }

  /** Answers the newest message of a type with an `error`. */
  async refuse(type: string, code: string, body: object = {}): Promise<void> {
    this.say({ type: 'error', id: this.last(type).id, code, message: `it is ${code}`, ...body })
    await setImmediate()
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners[type] ?? []) listener(event)
  }
}

export interface Stage {
  readonly client: RoomcastClient
  readonly clock: ManualClock
  /** Every connection that the client has opened. */
  readonly sockets: FakeSocket[]
  /** The newest connection. */
  readonly socket: FakeSocket
  /** Everything of one event that came so far. */
  heard<K extends keyof ClientEvents>(event: K): Array<ClientEvents[K]>
}

const recorded = [
  'state',
  'message',
  'direct',
  'group',
  'signal',
  'presence',
  'gap',
  'reset',
  'removed',
  'error'
] as const

/** A client on a clock that stands still, and whose connections are in the hand of the test. */
export function stage(options: Partial<ClientOptions> = {}, { deaf = [] as string[] } = {}): Stage {
  const sockets: FakeSocket[] = []
  const clock = new ManualClock()
  class Socket extends FakeSocket {
    constructor(url: string) {
      super(url)
      sockets.push(this)
    }
  }
  const WebSocket: WebSocketConstructor = Socket
  const client = new RoomcastClient({ url: 'ws://server/ws', WebSocket, clock, random: () => 0.5, ...options })
  const events = new Map<string, unknown[]>()
  for (const event of recorded) {
    if (deaf.includes(event)) continue
    const list: unknown[] = []
    events.set(event, list)
    client.on(event, (value: unknown) => void list.push(value))
  }
  return {
    client,
    clock,
    sockets,
    get socket() {
      const socket = sockets.at(-1)
      if (socket === undefined) throw new Error('the client has opened no connection')
      return socket
    },
    heard: <K extends keyof ClientEvents>(event: K) => (events.get(event) ?? []) as Array<ClientEvents[K]>
  }
}

export const credentials = { session_id: 's1', resume_token: 't1' }

/** Connects; with a room it is joined, and stands at this offset of epoch `a`. */
export async function connected(options?: Partial<ClientOptions>, { room = 'r', offset = 0 } = {}): Promise<Stage> {
  const scene = stage(options)
  scene.client.connect()
  scene.socket.welcome(credentials)
  await setImmediate()
  if (room !== '') {
    const joining = scene.client.join(room)
    await scene.socket.ack('join_room', { room, epoch: 'a', offset, online_count: 1, recovered: 'none' })
    await joining
  }
  return scene
}

/** The connection drops, and the next one is welcomed. */
export async function reconnect(
  scene: Stage,
  welcome: object = { session_id: 's2', resume_token: 'w2' }
): Promise<void> {
  scene.socket.drop()
  scene.clock.advance(20_000)
  scene.socket.welcome(welcome)
  await setImmediate()
}

/** The server's answer to a `resume` in which nothing was missed in the room `r`. */
export const resumed = {
  session_id: 's1',
  resume_token: 't2',
  user_id: 'alice',
  rooms: { r: { epoch: 'a', offset: 0, online_count: 1, recovered: 'full' } },
  removed: []
}

export function chat(offset: number, epoch = 'a', room = 'r'): object {
  return { type: 'chat_message', room, content: offset, user_id: null, message_id: `${epoch}${offset}`, epoch, offset }
}

export const settled = () => setImmediate()
