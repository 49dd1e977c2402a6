import type { After } from '../store/streams.js'
import type { Publication } from './publication.js'

/** As many as one read brings together for all who wait. */
export const RECENT_MAX = 256
const BYTES_MAX = 4_194_304

/**
 * The newest messages of a channel without a hole, as far as this node has read or heard them; kept only while somebody
 * catches up. They bridge what comes in between the last read of the log and the moment in which a receiver goes live,
 * and serve those who come back together.
 */
export class RecentPublications {
  readonly #holders = new Set<object>()
  #publications: Publication[] = []
  #bytes = 0

  /** Keeps what comes from now on, until `release`. Idempotent by holder. */
  hold(holder: object): void {
    this.#holders.add(holder)
  }

  /** Idempotent. */
  release(holder: object): void {
    this.#holders.delete(holder)
    if (this.#holders.size === 0) this.clear()
  }

  /** The next message of the channel. */
  add(publication: Publication): void {
    if (this.#holders.size === 0) return
    const last = this.#publications.at(-1)
    if (last !== undefined && publication.offset <= last.offset) return
    if (last !== undefined && publication.offset > last.offset + 1) this.clear()
    this.#push(publication)
  }

  /** A run of the log, in order. Taken where it links up with what is here, or reaches `heardUpTo` where nothing is. */
  fill(run: readonly Publication[], heardUpTo: number): void {
    const [first, last] = [run[0], run.at(-1)]
    const kept = this.#publications
    const next = kept[0]?.offset ?? heardUpTo + 1
    const known = (kept.at(-1)?.offset ?? 0) + 1
    if (this.#holders.size === 0 || first === undefined || last === undefined || last.offset + 1 < next) return
    // It was read further than this node has heard.
    if (kept.length > 0 && first.offset > known) return
    this.clear()
    for (const publication of run.filter(({ offset }) => offset < next)) this.#push(publication)
    for (const publication of kept) this.#push(publication)
    for (const publication of run.filter(({ offset }) => offset >= Math.max(known, next))) this.#push(publication)
  }

  clear(): void {
    this.#publications = []
    this.#bytes = 0
  }

  /** Everything that follows on `offset`; undefined where the first of it is not here. */
  after(offset: number): Publication[] | undefined {
    const first = this.#publications[0]
    if (first === undefined || first.offset > offset + 1) return undefined
    return this.#publications.slice(offset + 1 - first.offset)
  }

  /** The same for a position that has to be checked: undefined where the message at it is not here, or is another. */
  following({ epoch, offset, messageId }: After): Publication[] | undefined {
    const first = this.#publications[0]
    const found = first && this.#publications[offset - first.offset]
    if (found === undefined || found.epoch !== epoch) return undefined
    return messageId === undefined || found.messageId === messageId ? this.after(offset) : undefined
  }

  #push(publication: Publication): void {
    this.#publications.push(publication)
    this.#bytes += publication.payload.length
    while (this.#publications.length > RECENT_MAX || this.#bytes > BYTES_MAX) {
      this.#bytes -= this.#publications.shift()?.payload.length ?? 0
    }
  }
}
