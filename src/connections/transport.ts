import type { CloseCode } from '../protocol/close-codes.js'
import type { Chunk } from './chunk.js'
import type { Ping } from './ping.js'

/** What a connection needs of its socket. */
export interface Transport {
  /** Bytes written and not yet taken by the system. */
  readonly bufferedBytes: number
  /** Moves whenever the peer's side has taken some of what was written. */
  readonly drainedBytes: number
  /** In order; nothing happens once the socket is closing. */
  write(chunks: readonly Chunk[]): void
  ping(ping: Ping): void
  /** Begins the closing handshake; a peer that does not finish it in 10 s is cut. */
  close(code: CloseCode, reason: string): void
  /** At once, without a goodbye; what waits is let go of. */
  cut(): void
  /** Stops and goes on taking what the peer sends. */
  pause(): void
  resume(): void
  /** Whether its next message waits for the next turn of the event loop, though both came in one piece. */
  deferNext(deferred: boolean): void
  /** Calls back whenever everything that was buffered has been taken. */
  onDrain(callback: () => void): void
}
