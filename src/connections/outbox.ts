import { Chunk } from './chunk.js'
import type { Transport } from './transport.js'
import type { Turn, TurnWork } from './turn.js'

/** Whose it is. */
export interface OutboxOwner {
  /** The socket did not take everything at once. */
  onBacklog(): void
}

/** What waits to be written to one connection. */
export class Outbox implements TurnWork {
  readonly #transport: Transport
  readonly #turn: Turn
  readonly #bytesMax: number
  readonly #owner: OutboxOwner
  #chunks: Chunk[] | undefined
  #bytes = 0
  /** Undefined until somebody has waited. */
  #waiting: Array<() => void> | undefined
  #closed = false

  /** With more than `bytesMax` bytes queued the connection counts as lagging. */
  constructor(transport: Transport, turn: Turn, bytesMax: number, owner: OutboxOwner) {
    this.#transport = transport
    this.#turn = turn
    this.#bytesMax = bytesMax
    this.#owner = owner
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
    if (this.#chunks === undefined) this.#chunks = [chunk]
    else this.#chunks.push(chunk)
    this.#bytes += chunk.bytes
    this.#turn.write(this)
  }

  /** An answer or a message of the server's own: small, and never dropped. */
  pushPayload(payload: Buffer): void {
    this.push(new Chunk([payload]))
  }

  endTurn(): boolean {
    const chunks = this.#chunks
    if (chunks === undefined) return false
    this.#chunks = undefined
    this.#bytes = 0
    this.#transport.write(chunks)
    if (this.#transport.bufferedBytes > 0) this.#owner.onBacklog()
    this.#drained()
    return false
  }

  /** Resolves once the connection is not lagging, or is closed. */
  async ready(): Promise<void> {
    if (!this.lagging || this.#closed) return
    if (this.#waiting === undefined) this.#transport.onDrain(() => this.#drained())
    const waiting = this.#waiting ?? []
    this.#waiting = waiting
    await new Promise<void>((resolve) => waiting.push(resolve))
  }

  /** Nobody reads any more: lets go of what waits and of those who wait. */
  close(): void {
    this.#closed = true
    this.#chunks = undefined
    this.#bytes = 0
    this.#release()
  }

  #drained(): void {
    if (this.#waiting !== undefined && !this.lagging) this.#release()
  }

  #release(): void {
    for (const resolve of this.#waiting?.splice(0) ?? []) resolve()
  }
}
