import type { Publication } from './publication.js'

const COUNT_MAX = 256

/**
 * The newest messages of a channel, kept only while somebody catches up: they bridge what came in between the last
 * read of the log and the moment in which the receiver goes live.
 */
export class RecentPublications {
  readonly #holders = new Set<object>()
  #publications: Publication[] = []

  /** Keeps what comes from now on, until `release`. Idempotent by holder. */
  hold(holder: object): void {
    this.#holders.add(holder)
  }

  /** Idempotent. */
  release(holder: object): void {
    this.#holders.delete(holder)
    if (this.#holders.size === 0) this.#publications = []
  }

  add(publication: Publication): void {
    if (this.#holders.size === 0) return
    this.#publications.push(publication)
    if (this.#publications.length > COUNT_MAX) this.#publications.shift()
  }

  clear(): void {
    this.#publications = []
  }

  /** Everything that follows on `offset`; undefined where the first of it is not here. */
  after(offset: number): Publication[] | undefined {
    const first = this.#publications[0]
    if (first === undefined || first.offset > offset + 1) return undefined
    return this.#publications.slice(offset + 1 - first.offset)
  }
}
