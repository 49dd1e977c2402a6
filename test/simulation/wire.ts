import { everything } from '../../src/auth/grant.js'
import type { Chunk } from '../../src/connections/chunk.js'
import type { Ping } from '../../src/connections/ping.js'
import type { Transport } from '../../src/connections/transport.js'
import type { LiveConnection } from '../../src/live.js'
import type { Message } from '../support/live-client.js'
import type { SimulatedNode } from './node.js'
import { Pipe } from './pipe.js'
import type { SimulatedTime } from './simulated-time.js'

/** What the client's end of a socket tells. */
export interface WireListener {
  onMessage(message: Message): void
  onClose(code: number): void
}

type Down = { readonly payloads: readonly Buffer[] } | { readonly ping: Buffer } | { readonly code: number }

export interface WireOptions {
  readonly node: SimulatedNode
  readonly time: SimulatedTime
  readonly latencyMs: () => number
  readonly userId: string
  readonly deviceId: string
  readonly listener: WireListener
}

/** A socket between a client and a node, with the node's end as its `Transport`. Pings are answered by themselves. */
export class Wire implements Transport {
  readonly bufferedBytes = 0
  drainedBytes = 0
  readonly node: SimulatedNode
  readonly #listener: WireListener
  readonly #up: Pipe<() => void>
  readonly #down: Pipe<Down>
  readonly #live: LiveConnection
  #isOpen = true

  constructor({ node, time, latencyMs, userId, deviceId, listener }: WireOptions) {
    this.node = node
    this.#listener = listener
    this.#up = new Pipe({ time, latencyMs, deliver: (task) => node.whenRunning(task) })
    this.#down = new Pipe({ time, latencyMs, deliver: (thing) => this.#arrive(thing) })
    const arrival = { transport: this, address: '127.0.0.1', deviceId, userId, grant: everything, ndjson: false }
    this.#live = node.app.live.open(arrival)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** From the client. */
  send(message: object): void {
    const frame = Buffer.from(JSON.stringify(message))
    this.#up.send(() => this.#live.onFrame(frame, false))
  }

  /** The client closes it, or loses it: what is on its way to it is lost, and the node hears of the end. */
  end(code: number): void {
    this.#isOpen = false
    this.#down.cut()
    this.#up.send(() => this.#live.onClose(code))
  }

  /** The client is gone without a word: the node hears nothing more. */
  vanish(): void {
    this.#isOpen = false
    this.#down.cut()
    this.#up.cut()
  }

  write(chunks: readonly Chunk[]): void {
    for (const { bytes } of chunks) this.drainedBytes += bytes
    this.#down.send({ payloads: chunks.flatMap(({ payloads }) => payloads) })
  }

  ping({ payload }: Ping): void {
    this.#down.send({ ping: payload })
  }

  close(code: number): void {
    this.#down.send({ code })
  }

  cut(): void {
    this.#down.send({ code: 1006 })
  }

  pause(): void {
    this.#up.hold()
  }

  resume(): void {
    this.#up.release()
  }

  deferNext(): void {}

  onDrain(): void {}

  #arrive(thing: Down): void {
    if ('payloads' in thing) {
      for (const payload of thing.payloads) if (this.#isOpen) this.#listener.onMessage(JSON.parse(payload.toString()))
    } else if ('ping' in thing) {
      this.#up.send(() => this.#live.onPong(thing.ping))
    } else {
      this.#isOpen = false
      this.#up.send(() => this.#live.onClose(thing.code))
      this.#listener.onClose(thing.code)
    }
  }
}
