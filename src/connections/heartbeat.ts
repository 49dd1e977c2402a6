import type { Clock } from '../clock.js'
import { CloseCode } from '../protocol/close-codes.js'
import type { Connection } from './connection.js'
import { Ping } from './ping.js'

export interface HeartbeatOptions {
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly clock: Clock
  /** A ping is on its way. */
  readonly onPing: (connection: Connection, serial: number) => void
}

/** Looks a connection takes between two pings: what a time-out may be late by is a fraction of the interval. */
const LOOKS = 4
const SLOTS = 16
/** A tick that comes later than this comes after a pause. */
const LATE_MS = 1000

/**
 * One wheel for all connections: each stands in one slot, and each tick looks at one slot, so that pings are spread
 * over the interval and no connection has a timer of its own.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #slots: ReadonlyArray<Set<Connection>> = Array.from({ length: SLOTS }, () => new Set<Connection>())
  readonly #slotOf = new Map<Connection, Set<Connection>>()
  readonly #stop: () => void
  readonly #tickMs: number
  #slot = 0
  #serial = 0
  #added = 0
  #expectedAt: number

  constructor(options: HeartbeatOptions) {
    this.#options = options
    const { clock, intervalMs, timeoutMs } = options
    this.#tickMs = Math.max(Math.min(intervalMs, timeoutMs) / LOOKS / SLOTS, 5)
    this.#expectedAt = clock.monotonic() + this.#tickMs
    this.#stop = clock.every(this.#tickMs, () => this.#tick())
  }

  add(connection: Connection): void {
    const slot = this.#slots[this.#added++ % SLOTS] as Set<Connection>
    slot.add(connection)
    this.#slotOf.set(connection, slot)
  }

  /** Idempotent. */
  remove(connection: Connection): void {
    this.#slotOf.get(connection)?.delete(connection)
    this.#slotOf.delete(connection)
  }

  close(): void {
    this.#stop()
  }

  #tick(): void {
    const now = this.#options.clock.monotonic()
    const lateMs = now - this.#expectedAt
    this.#expectedAt = now + this.#tickMs
    if (lateMs > Math.max(this.#tickMs, LATE_MS)) this.#excuseAll(lateMs, now)
    this.#slot = (this.#slot + 1) % SLOTS
    const ping = new Ping(++this.#serial)
    for (const connection of this.#slots[this.#slot] ?? []) this.#look(connection, ping, now)
  }

  /** The loop stood still: nobody was pinged, and what came could not be read. */
  #excuseAll(ms: number, now: number): void {
    for (const connection of this.#slotOf.keys()) connection.excuse(ms, now)
  }

  #ping(connection: Connection, ping: Ping, now: number): void {
    connection.ping(ping, now)
    this.#options.onPing(connection, ping.serial)
  }

  #look(connection: Connection, ping: Ping, now: number): void {
    const { intervalMs, timeoutMs } = this.#options
    // Of one that was heard of lately the socket need not be asked; later it is, at two looks at least.
    const heard = now - connection.lastSeenAt < timeoutMs / 2
    const silentMs = now - (heard ? connection.lastSeenAt : connection.signOfLifeAt(now))
    if (silentMs >= timeoutMs) connection.close(CloseCode.NoSignOfLife)
    else if (now - connection.lastPingAt >= intervalMs) this.#ping(connection, ping, now)
  }
}
