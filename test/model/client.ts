import type { Chunk } from '../../src/connections/chunk.js'
import type { Ping } from '../../src/connections/ping.js'
import type { Transport } from '../../src/connections/transport.js'
import type { LiveConnection } from '../../src/live.js'
import type { Message } from '../support/live-client.js'
import type { ConnectionModel, FeedEar, RoomEar } from './model.js'

interface Asked {
  readonly resolve: (answer: Message) => void
  /** What the answer means for what follows it on the wire. */
  readonly heard: (answer: Message) => void
}

interface HeardPing {
  readonly payload: string
  /** How far each room had come in before it. */
  readonly positions: ReadonlyMap<string, number>
}

/** A client without a socket: the server writes to it directly, and it answers pings when it is told to. */
export class Client implements Transport {
  readonly bufferedBytes = 0
  drainedBytes = 0
  readonly model: ConnectionModel
  /** What it hears, as what came in on the wire says. */
  readonly ears = new Map<string, RoomEar>()
  readonly feeds = new Map<string, FeedEar>()
  /** `room:…` or `group:…` that the server is about to take from it. */
  readonly removals = new Set<string>()
  welcome: Message = {}
  /** Signals that it is about to get. */
  readonly signals: Message[] = []
  holdsPongs = false
  /** Since when the server has heard nothing of it. */
  silentSince: number
  readonly #now: () => number
  /** By the server. */
  closedWith: number | undefined
  #live: LiveConnection | undefined
  #arrived: Message[] = []
  #pings: HeardPing[] = []
  readonly #asked = new Map<string, Asked>()
  #nextId = 0

  constructor(model: ConnectionModel, now: () => number) {
    this.model = model
    this.#now = now
    this.silentSince = now()
  }

  begin(live: LiveConnection): void {
    this.#live = live
  }

  write(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) {
      this.drainedBytes += chunk.bytes
      for (const payload of chunk.payloads) this.#take(JSON.parse(payload.toString()))
    }
  }

  ping({ payload }: Ping): void {
    this.#pings.push({
      payload: String(payload),
      positions: new Map([...this.ears].map(([room, { position }]) => [room, position]))
    })
  }

  close(code: number): void {
    this.closedWith = code
    this.#giveUp(code)
    queueMicrotask(() => this.#live?.onClose(code))
  }

  cut(): void {
    this.close(1006)
  }

  pause(): void {}

  resume(): void {}

  deferNext(): void {}

  onDrain(): void {}

  /** Sends a command; `heard` is called with the answer when everything before it was judged. */
  async ask(message: object, heard: (answer: Message) => void = () => {}): Promise<Message> {
    const id = `q${++this.#nextId}`
    if (this.closedWith !== undefined) return { type: 'closed', code: this.closedWith }
    this.silentSince = this.#now()
    return await new Promise((resolve) => {
      this.#asked.set(id, { resolve, heard })
      this.#live?.onFrame(Buffer.from(JSON.stringify({ id, ...message })), false)
    })
  }

  /** The socket is gone, or the client says goodbye. */
  leave(code: number): void {
    this.#giveUp(code)
    this.#live?.onClose(code)
  }

  /** Answers the pings that wait; gives how far the last of them confirms each room. */
  answerPings(): ReadonlyMap<string, number> {
    const pings = this.#pings
    this.#pings = []
    if (pings.length > 0) this.silentSince = this.#now()
    for (const { payload } of pings) this.#live?.onPong(Buffer.from(payload))
    return pings.at(-1)?.positions ?? new Map()
  }

  /** What came in since the last call, in order. */
  takeArrived(): Message[] {
    const arrived = this.#arrived
    this.#arrived = []
    return arrived
  }

  /** Tells what an answer means; false for one that nobody asked for. */
  conclude(answer: Message): boolean {
    const asked = this.#asked.get(answer.id)
    this.#asked.delete(answer.id)
    asked?.heard(answer)
    return asked !== undefined
  }

  #take(message: Message): void {
    this.#arrived.push(message)
    this.#asked.get(message.id)?.resolve(message)
  }

  #giveUp(code: number): void {
    for (const { resolve } of this.#asked.values()) resolve({ type: 'closed', code })
  }
}
