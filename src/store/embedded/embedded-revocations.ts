import type { Clock } from '../../clock.js'
import { answered } from '../answered.js'
import type { PageQuery } from '../presence.js'
import { encodeRevocation, placeOf, revocationAt, stampOf } from '../revocation-entry.js'
import type { KeptRevocation, Revocations } from '../revocations.js'
import type { EmbeddedRecords } from './embedded-records.js'
import { pageOf } from './page-of.js'

const TABLE = 'revocation'

/** Revocations of one process, which outlive it with the store. */
export class EmbeddedRevocations implements Revocations {
  readonly #records: EmbeddedRecords
  readonly #clock: Clock
  /** In their order, those that are over included; undefined where it is to be looked up. A start reads page after page. */
  #places: readonly string[] | undefined

  constructor(records: EmbeddedRecords, clock: Clock) {
    this.#records = records
    this.#clock = clock
  }

  async record(revocation: KeptRevocation): Promise<void> {
    this.#places = undefined
    try {
      await answered(this.#records.put([TABLE, encodeRevocation(revocation)], revocation))
    } finally {
      // One that could not be kept is gone again.
      this.#places = undefined
    }
  }

  async list(query: PageQuery): Promise<{ revocations: KeptRevocation[]; nextCursor: string | undefined }> {
    this.#places ??= this.#records
      .entries<KeptRevocation>([TABLE])
      .map(({ value }) => placeOf(value))
      .sort()
    // A place is behind a stamp that it begins with.
    const unexpired = stampOf(this.#clock.now() + 1)
    const cursor = query.cursor === undefined || query.cursor < unexpired ? unexpired : query.cursor
    const { page, nextCursor } = pageOf(this.#places, { ...query, cursor })
    return { revocations: page.flatMap((place) => revocationAt(place) ?? []), nextCursor }
  }

  /** Forgets those that have expired. */
  async sweep(): Promise<void> {
    this.#places = undefined
    await this.#records.sweep<KeptRevocation>(TABLE, (revocation) => this.#isOver(revocation))
  }

  #isOver({ expiresAt }: KeptRevocation): boolean {
    return expiresAt <= this.#clock.now()
  }
}
