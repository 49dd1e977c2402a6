import type { Clock } from '../clock.js'
import { CloseCode } from '../protocol/close-codes.js'
import type { Outbox } from './outbox.js'

/** What of a connection is needed here. */
export interface Buffering {
  readonly outbox: Outbox
  close(code: CloseCode): void
  /** Lets go of the socket and all that waits for it, without a goodbye. */
  cut(): void
}

export interface BufferBudgetOptions {
  /** Bytes that may wait for all connections of the node; 0 for no limit. */
  readonly bytesMax: number
  readonly clock: Clock
}

const LOOK_MS = 100
/** One that still takes something hears why; after that what waits for it is let go of. */
const GOODBYE_MS = 1000

/**
 * What waits for all connections of a node together. Where it is too much, those go for whom most of it waits. Only
 * connections that did not take everything at once are known here, and looked at.
 */
export class BufferBudget<C extends Buffering = Buffering> {
  readonly #bytesMax: number
  readonly #clock: Clock
  readonly #backlogged = new Set<C>()
  #stop: (() => void) | undefined
  #bytes = 0

  constructor({ bytesMax, clock }: BufferBudgetOptions) {
    this.#bytesMax = bytesMax
    this.#clock = clock
  }

  /** As of the last look. */
  get bytes(): number {
    return this.#bytes
  }

  /** Something waits for it. Idempotent. */
  note(connection: C): void {
    if (this.#bytesMax === 0) return
    this.#backlogged.add(connection)
    this.#stop ??= this.#clock.every(LOOK_MS, () => this.#look())
  }

  /** The connection is gone. Idempotent. */
  forget(connection: C): void {
    this.#backlogged.delete(connection)
  }

  close(): void {
    this.#stop?.()
    this.#backlogged.clear()
  }

  #look(): void {
    this.#bytes = 0
    for (const connection of this.#backlogged) {
      const { bufferedBytes } = connection.outbox
      this.#bytes += bufferedBytes
      if (bufferedBytes === 0) this.#backlogged.delete(connection)
    }
    if (this.#bytes > this.#bytesMax) this.#shed()
    if (this.#backlogged.size > 0) return
    this.#stop?.()
    this.#stop = undefined
  }

  #shed(): void {
    const worstFirst = [...this.#backlogged]
      .map((connection) => ({ connection, bytes: connection.outbox.bufferedBytes }))
      .sort((one, other) => other.bytes - one.bytes)
    for (const { connection, bytes } of worstFirst) {
      if (this.#bytes <= this.#bytesMax) return
      this.#bytes -= bytes
      this.#backlogged.delete(connection)
      connection.close(CloseCode.Shed)
      this.#clock.after(GOODBYE_MS, () => connection.cut())
    }
  }
}
