import type { Clock } from './clock.js'
import type { Delivery } from './emitter.js'
import type { Position } from './messages.js'

export interface AcknowledgerOptions {
  readonly clock: Clock
  /** Moves the device's cursor: in the inbox, or where `group` is given in that. */
  readonly send: (group: string | undefined, position: Position) => void
  /** What was not heard by anybody, or not without a failure, comes again after this position. */
  readonly rewind: (group: string | undefined, position: Position | undefined) => void
}

interface Progress {
  /** The last message that listeners have done with; undefined for none. */
  handled: Position | undefined
  /** Something was not done with: nothing after it may be acknowledged on this connection. */
  halted: boolean
  /** Resolves when the listeners have done with everything so far. */
  tail: Promise<void>
  cancelTimer: (() => void) | undefined
}

/** At most one acknowledgement a channel in this time. */
const DELAY_MS = 200

/** Acknowledges stored messages when the listeners have done with them: cumulative, and now and then. */
export class Acknowledger {
  readonly #options: AcknowledgerOptions
  /** By group; undefined is the inbox. */
  readonly #progress = new Map<string | undefined, Progress>()

  constructor(options: AcknowledgerOptions) {
    this.#options = options
  }

  /** Something of the channel was delivered; promises of listeners are waited for. */
  onDelivered(group: string | undefined, position: Position, { listeners, results }: Delivery): void {
    const progress = this.#progressOf(group)
    // Without a listener nobody has it: it must come again, for whoever listens then.
    if (listeners === 0) progress.halted = true
    progress.tail = progress.tail.then(async () => {
      try {
        await Promise.all(results)
        if (!progress.halted) this.#onHandled(group, progress, position)
      } catch {
        progress.halted = true
      }
    })
  }

  /** The server sends everything after the cursor again: what was not done with is let through. */
  onConnected(): void {
    for (const [group, progress] of this.#progress) {
      if (!progress.halted) continue
      progress.halted = false
      this.#options.rewind(group, progress.handled)
    }
  }

  /** The positions of the channel are void from here on. */
  onReset(group: string | undefined, position: Position): void {
    this.#progressOf(group).handled = position
  }

  /** Sends what waits to be acknowledged. */
  flush(): void {
    for (const [group, progress] of this.#progress) {
      if (progress.cancelTimer === undefined || progress.handled === undefined) continue
      this.#cancel(progress)
      this.#options.send(group, progress.handled)
    }
  }

  clear(): void {
    for (const progress of this.#progress.values()) this.#cancel(progress)
    this.#progress.clear()
  }

  #onHandled(group: string | undefined, progress: Progress, position: Position): void {
    progress.handled = position
    progress.cancelTimer ??= this.#options.clock.after(DELAY_MS, () => {
      progress.cancelTimer = undefined
      if (progress.handled !== undefined) this.#options.send(group, progress.handled)
    })
  }

  #cancel(progress: Progress): void {
    progress.cancelTimer?.()
    progress.cancelTimer = undefined
  }

  #progressOf(group: string | undefined): Progress {
    const known = this.#progress.get(group)
    if (known !== undefined) return known
    const progress = { handled: undefined, halted: false, tail: Promise.resolve(), cancelTimer: undefined }
    this.#progress.set(group, progress)
    return progress
  }
}
