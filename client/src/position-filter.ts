import type { OffsetRange, PlacedMessage, Position } from './messages.js'

/** As many forks as the server remembers of a channel. */
const EPOCHS_MAX = 64

/**
 * How far one channel was seen, and what of that is new which comes in. Offsets go on over a fork, so they decide
 * alone, with one exception: under an epoch that was never seen a message is new at any offset. That is a history
 * which was rolled back to before our position, on a connection that stood before it too and so was told nothing.
 */
export class PositionFilter {
  #position: Position | undefined
  readonly #epochs = new Set<string>()

  /** Undefined until something was seen. */
  get position(): Position | undefined {
    return this.#position
  }

  /** Everything after this is new: forgets what was seen. */
  begin(position: Position | undefined): void {
    this.#epochs.clear()
    if (position === undefined) this.#position = undefined
    else this.#moveTo(position)
  }

  /** False for a message that was seen; else the channel is seen up to it. */
  accept({ epoch, offset, message_id }: PlacedMessage): boolean {
    if (this.#isSeen(epoch, offset)) return false
    this.#moveTo(message_id === undefined ? { epoch, offset } : { epoch, offset, message_id })
    return true
  }

  /** Offsets that will not come. Gives what of them was not seen; undefined for nothing. */
  skip(epoch: string, { from, to }: OffsetRange): OffsetRange | undefined {
    const seen = this.#position?.offset ?? 0
    if (to <= seen) return undefined
    const unseen = { from: this.#epochs.has(epoch) ? Math.max(from, seen + 1) : from, to }
    this.#moveTo({ epoch, offset: to })
    return unseen
  }

  /** Only what lies at or before `offset` still holds; what lies beyond comes, again or anew. */
  reset(epoch: string, offset: number): void {
    this.#moveTo({ epoch, offset })
  }

  #isSeen(epoch: string, offset: number): boolean {
    return this.#position !== undefined && offset <= this.#position.offset && this.#epochs.has(epoch)
  }

  #moveTo(position: Position): void {
    this.#position = position
    this.#epochs.delete(position.epoch)
    this.#epochs.add(position.epoch)
    const [oldest] = this.#epochs
    if (this.#epochs.size > EPOCHS_MAX && oldest !== undefined) this.#epochs.delete(oldest)
  }
}
