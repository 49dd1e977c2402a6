import type { After, Page, Position, ReadQuery } from '../store/streams.js'
import { type Publication, positionOf, publicationOf } from './publication.js'
import { RECENT_MAX, type RecentPublications } from './recent-publications.js'
import { SharedReads } from './shared-reads.js'

/** A page of the log as receivers get it. */
export interface Replay extends Omit<Page, 'messages' | 'oldest'> {
  readonly publications: readonly Publication[]
}

/** Messages read from the log at once: bounds the memory of a receiver that catches up. */
export const REPLAY_MAX = 100

/**
 * The log of one channel as those read it who come back to it. Many who come at once are served by a few reads: equal
 * ones are made once, and where different ones meet, one of the newest messages stands in for them.
 */
export class ChannelLog {
  readonly #read: (query: ReadQuery) => Promise<Page>
  readonly #recent: RecentPublications
  /** Where this node stands; undefined while it does not hear the channel. */
  readonly #heard: () => Position | undefined
  readonly #reads = new SharedReads<Replay>()

  constructor(
    read: (query: ReadQuery) => Promise<Page>,
    recent: RecentPublications,
    heard: () => Position | undefined
  ) {
    this.#read = read
    this.#recent = recent
    this.#heard = heard
  }

  /** Nobody waits for an answer. */
  get idle(): boolean {
    return this.#reads.size === 0
  }

  /**
   * What follows on a position. The answer may be of a moment ago: what is missing at its end is what came since. Rejects
   * with `store_unavailable`.
   */
  async after(after: After): Promise<Replay> {
    const known = this.#known(after)
    if (known !== undefined) return known
    // What clients send may hold anything: in JSON no two places look alike.
    const key = `after ${JSON.stringify([after.offset, after.epoch, after.messageId])}`
    const same = this.#reads.underWay(key)
    if (same !== undefined) return await same
    if (this.#reads.size > 0) {
      await this.#readNewest()
      const read = this.#known(after)
      if (read !== undefined) return read
    }
    return await this.#reads.share(key, async () => {
      const page = await this.#read({ after, limit: REPLAY_MAX })
      return this.#take(page, page.continuity === 'contiguous' ? after : undefined)
    })
  }

  /** The newest `count` messages, or the first page of them. Rejects with `store_unavailable`. */
  async newest(count: number): Promise<Replay> {
    return await this.#reads.share(`newest ${count}`, async () => {
      const { top, oldest } = await this.#read({ limit: 0 })
      const offset = Math.max((top?.offset ?? 0) - count, oldest - 1, 0)
      return this.#take(await this.#read({ after: { offset }, limit: REPLAY_MAX }), undefined)
    })
  }

  #known(after: After): Replay | undefined {
    const publications = this.#recent.following(after)
    if (publications === undefined) return undefined
    const last = publications.at(-1)
    const top = last === undefined ? this.#atLeast(after) : positionOf(last)
    return { top, publications, hasMore: false, continuity: 'contiguous' }
  }

  /** Whoever asks may be ahead of this node. */
  #atLeast({ offset }: After): Position | undefined {
    const heard = this.#heard()
    return heard !== undefined && heard.offset < offset ? { epoch: heard.epoch, offset } : heard
  }

  async #readNewest(): Promise<void> {
    await this.#reads.share('recent', async () => this.#take(await this.#read({ limit: RECENT_MAX }), undefined))
  }

  /** `start` is the position that the page follows on, where the store has found it good. */
  #take({ messages, ...page }: Page, start: After | undefined): Replay {
    const publications = messages.map(publicationOf)
    const heard = this.#heard()
    // Offsets of different epochs cannot be compared: one of the two has yet to learn of a roll-back.
    if (heard !== undefined && page.top?.epoch === heard.epoch) this.#recent.fill(publications, start, heard.offset)
    return { ...page, publications }
  }
}
