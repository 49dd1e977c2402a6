import type { Clock } from '../clock.js'
import { type Few, hasItem, withItem, withoutItem } from '../few.js'
import type { After, Retention } from '../store/streams.js'
import { type Publication, positionOf } from './publication.js'

/** As many as one read brings together for all who wait. */
export const RECENT_MAX = 256
const BYTES_MAX = 4_194_304
/** Those who come back together do not come in one moment. */
const LINGER_MS = 2000
/** Of all channels that keep nothing. */
const none: Publication[] = []

/**
 * The newest messages of a channel without a hole, as far as this node has read or heard them; kept only while somebody
 * catches up, and a moment longer. They bridge what comes in between the last read of the log and the moment in which a
 * receiver goes live, and serve those who come back together.
 */
export class RecentPublications {
  readonly #clock: Clock
  readonly #retention: Retention
  #holders: Few<object>
  /** The position before the first of them, where the store has said that it is good. */
  #start: After | undefined
  #publications: Publication[] = none
  #bytes = 0
  /** Monotonic, in milliseconds. */
  #lingersUntil = 0
  /** What was asked for last: those who come back together get the same array. */
  #run: { readonly offset: number; readonly publications: readonly Publication[] } | undefined

  /** What the channel itself does not keep any more is not served from here either. */
  constructor(clock: Clock, retention: Retention) {
    this.#clock = clock
    this.#retention = retention
  }

  /** Keeps what comes from now on, until `release`. Idempotent by holder. */
  hold(holder: object): void {
    this.tidy()
    this.#holders = withItem(this.#holders, holder)
  }

  /** Idempotent. */
  release(holder: object): void {
    if (!hasItem(this.#holders, holder)) return
    this.#holders = withoutItem(this.#holders, holder)
    this.#lingersUntil = this.#clock.monotonic() + LINGER_MS
  }

  /** Lets go of what nobody holds any more. */
  tidy(): void {
    if (!this.#isKept()) this.clear()
  }

  /** The next message of the channel. */
  add(publication: Publication): void {
    if (!this.#isKept()) {
      this.clear()
      return
    }
    const last = this.#publications.at(-1) ?? this.#start
    if (last !== undefined && publication.offset <= last.offset) return
    if (last !== undefined && publication.offset > last.offset + 1) this.clear()
    this.#push(publication)
  }

  /**
   * A run of the log, in order, that follows on `start`, where that is known. Taken where it links up with what is here,
   * or reaches `heardUpTo` where nothing is.
   */
  fill(run: readonly Publication[], start: After | undefined, heardUpTo: number): void {
    const first = run[0]?.offset ?? (start?.offset ?? heardUpTo) + 1
    const end = run.at(-1)?.offset ?? start?.offset ?? 0
    const next = this.#publications[0]?.offset ?? heardUpTo + 1
    // What is here already reaches as far back.
    if (!this.#isKept() || end + 1 < next || (this.#publications.length > 0 && first >= next)) return
    const kept = this.#publications
    const known = (kept.at(-1)?.offset ?? 0) + 1
    this.clear()
    this.#start = start
    for (const publication of run.filter(({ offset }) => offset < next)) this.#push(publication)
    for (const publication of kept) this.#push(publication)
    for (const publication of run.filter(({ offset }) => offset >= Math.max(known, next))) this.#push(publication)
  }

  clear(): void {
    this.#start = undefined
    this.#run = undefined
    this.#publications = none
    this.#bytes = 0
  }

  /** Everything that follows on `offset`; undefined where the first of it is not here. */
  after(offset: number): readonly Publication[] | undefined {
    const first = this.#publications[0]
    if (first === undefined || first.offset > offset + 1) return undefined
    return this.#retained(this.#runAfter(offset))
  }

  /** The same for a position that has to be checked: undefined where the message at it is not here, or is another. */
  following(position: After): readonly Publication[] | undefined {
    this.tidy()
    if (isSame(this.#start, position)) return this.#retained(this.#runAfter(position.offset))
    const first = this.#publications[0]
    const found = first && this.#publications[position.offset - first.offset]
    return isSame(found, position) ? this.after(position.offset) : undefined
  }

  #runAfter(offset: number): readonly Publication[] {
    if (this.#run?.offset !== offset) {
      const publications = this.#publications.filter((publication) => publication.offset > offset)
      this.#run = { offset, publications }
    }
    return this.#run.publications
  }

  /** Undefined where the first of them is beyond retention: what became of it only the store can say. */
  #retained(publications: readonly Publication[]): readonly Publication[] | undefined {
    const { size, ttlMs } = this.#retention
    const [oldest] = publications
    const isTooOld = oldest !== undefined && this.#clock.now() - oldest.timestamp >= ttlMs
    return publications.length > size || isTooOld ? undefined : publications
  }

  #isKept(): boolean {
    return this.#holders !== undefined || this.#clock.monotonic() < this.#lingersUntil
  }

  #push(publication: Publication): void {
    this.#run = undefined
    if (this.#publications === none) this.#publications = []
    this.#publications.push(publication)
    this.#bytes += publication.payload.length
    while (this.#publications.length > RECENT_MAX || this.#bytes > BYTES_MAX) {
      const dropped = this.#publications.shift()
      if (dropped === undefined) return
      this.#bytes -= dropped.payload.length
      this.#start = positionOf(dropped)
    }
  }
}

/** Whether a position is known to be good: it names this place, and no other message at it. */
function isSame(known: After | undefined, { epoch, offset, messageId }: After): boolean {
  if (known === undefined || known.offset !== offset || known.epoch !== epoch) return false
  return messageId === undefined || known.messageId === messageId
}
