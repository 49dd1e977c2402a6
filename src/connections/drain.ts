import type { Clock } from '../clock.js'
import { encodeGoaway } from '../protocol/pushes.js'
import type { Connection } from './connection.js'

export interface DrainOptions {
  readonly clock: Clock
  /** 0: nobody is told, and nobody is waited for. */
  readonly durationMs: number
}

/** The time is cut into so many slots. The last one is for those who are late. */
const SLOTS = 10

/**
 * Empties a node that is about to end: in each slot a share of its connections is told to go, and to come back
 * elsewhere within that slot. So they arrive at the other nodes evenly, and not all at once.
 */
export class Drain {
  readonly #clock: Clock
  readonly #durationMs: number
  #hurried = false
  #finish: () => void = () => {}

  constructor({ clock, durationMs }: DrainOptions) {
    this.#clock = clock
    this.#durationMs = durationMs
  }

  /** Resolves when the time is over, at `finish`, or at once where there is nobody or no time. Call once. */
  async run(connections: Iterable<Connection>): Promise<void> {
    const waiting = [...connections]
    if (waiting.length === 0 || this.#durationMs === 0 || this.#hurried) return
    const slotMs = this.#durationMs / SLOTS
    const share = Math.ceil(waiting.length / (SLOTS - 1))
    const tellNext = () => tell(waiting.splice(0, share), slotMs)
    tellNext()
    const stop = this.#clock.every(slotMs, tellNext)
    await new Promise<void>((resolve) => {
      this.#finish = resolve
      this.#clock.after(this.#durationMs, resolve)
    })
    stop()
  }

  /** Nobody is left to wait for. Does nothing before `run`. */
  finish(): void {
    this.#finish()
  }

  /** Waits no longer, nor later on. */
  hurry(): void {
    this.#hurried = true
    this.#finish()
  }
}

function tell(connections: readonly Connection[], withinMs: number): void {
  const goaway = encodeGoaway(Math.round(withinMs))
  for (const { outbox } of connections) outbox.pushPayload(goaway)
}
