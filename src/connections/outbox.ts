import { Chunk } from './chunk.js'
import type { Transport } from './transport.js'
import type { Turn, TurnWork } from './turn.js'

/** What waits to be written to one connection. */
export class Outbox implements TurnWork {
  readonly #transport: Transport
  readonly #turn: Turn
  readonly #bytesMax: number
  #chunks: Chunk[] = []
  #bytes = 0
  #waiting: Array<() => void> = []
  #closed = false

  /** With more than `bytesMax` bytes queued the connection counts as lagging. */
  constructor(transport: Transport, turn: Turn, bytesMax: number) {
    this.#transport = transport
    this.#turn = turn
    this.#bytesMax = bytesMax
    transport.onDrain(() => this.#drained())
  }

  get bufferedBytes(): number {
    return this.#bytes + this.#transport.bufferedBytes
  }

  get lagging(): boolean {
    return this.bufferedBytes > this.#bytesMax
  }

  /** Queues a chunk for the end of the turn. */
  push(chunk: Chunk): void {
    if (this.#closed) return
    this.#chunks.push(chunk)
    this.#bytes += chunk.bytes
    this.#turn.write(this)
  }

  /** An answer or a message of the server's own: small, and never dropped. */
  pushPayload(payload: Buffer): void {
    this.push(new Chunk([payload]))
  }

  endTurn(): boolean {
    if (this.#chunks.length === 0) return false
    const chunks = this.#chunks
    this.#chunks = []
    this.#bytes = 0
    this.#transport.write(chunks)
    if (!this.lagging) this.#drained()
    return false
  }

  /** Resolves once the connection is not lagging, or is closed. */
  async ready(): Promise<void> {
    if (this.lagging && !this.#closed) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Nobody reads any more: lets go of what waits and of those who wait. */
  close(): void {
    this.#closed = true
    this.#chunks = []
    this.#bytes = 0
    this.#release()
  }

  #drained(): void {
    if (this.#waiting.length > 0 && !this.lagging) this.#release()
  }

  #release(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
