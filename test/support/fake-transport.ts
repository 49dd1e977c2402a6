import { everything } from '../../src/auth/grant.js'
import type { Chunk } from '../../src/connections/chunk.js'
import { Connection } from '../../src/connections/connection.js'
import type { Ping } from '../../src/connections/ping.js'
import type { Transport } from '../../src/connections/transport.js'
import { Turn } from '../../src/connections/turn.js'

/** A socket whose peer takes everything at once, or nothing while it is `stuck`. */
export class FakeTransport implements Transport {
  /** What was written, oldest first. */
  readonly payloads: string[] = []
  /** The same as it was handed over: one object for all who share it. */
  readonly chunks: Chunk[] = []
  /** How often something was written: each is one system call on a real socket. */
  writes = 0
  stuck = false
  bufferedBytes = 0
  drainedBytes = 0
  paused = false
  deferred = false
  readonly pings: string[] = []
  closedWith: number | undefined
  isCut = false
  #onDrain: () => void = () => {}

  write(chunks: readonly Chunk[]): void {
    this.writes++
    this.chunks.push(...chunks)
    for (const chunk of chunks) {
      this.payloads.push(...chunk.payloads.map(String))
      if (this.stuck) this.bufferedBytes += chunk.bytes
      else this.drainedBytes += chunk.bytes
    }
  }

  ping({ payload }: Ping): void {
    this.pings.push(String(payload))
  }

  close(code: number): void {
    this.closedWith = code
  }

  cut(): void {
    this.isCut = true
    this.bufferedBytes = 0
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  deferNext(deferred: boolean): void {
    this.deferred = deferred
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback
  }

  /** The peer takes everything that waits. */
  drain(): void {
    this.stuck = false
    this.drainedBytes += this.bufferedBytes
    this.bufferedBytes = 0
    this.#onDrain()
  }
}

let connections = 0

interface FakeConnectionOptions {
  readonly turn?: Turn
  readonly slowConsumerBytes?: number
  readonly id?: string
  readonly onBacklog?: () => void
}

/** A connection over a fake socket. */
export function fakeConnection({
  turn = new Turn(),
  slowConsumerBytes = 1000,
  id = `c${++connections}`,
  onBacklog = () => {}
}: FakeConnectionOptions = {}): {
  connection: Connection
  transport: FakeTransport
} {
  const transport = new FakeTransport()
  const rates = { messages: 100, messageBurst: 200, bytes: 0, deliveries: 0 }
  const limits = { slowConsumerBytes, rates }
  const connection = new Connection({
    id,
    address: '127.0.0.1',
    deviceId: 'default',
    grant: everything,
    transport,
    turn,
    limits,
    onClosing: () => {},
    onFresh: () => {},
    onBacklog,
    now: 0
  })
  return { connection, transport }
}
