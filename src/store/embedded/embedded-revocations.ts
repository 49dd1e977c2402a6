import type { Clock } from '../../clock.js'
import { answered } from '../answered.js'
import type { PageQuery } from '../presence.js'
import { encodeRevocation, placeOf, revocationAt } from '../revocation-entry.js'
import type { KeptRevocation, Revocations } from '../revocations.js'
import type { EmbeddedRecords } from './embedded-records.js'
import { pageOf } from './page-of.js'

const TABLE = 'revocation'

/** Revocations of one process, which outlive it with the store. */
export class EmbeddedRevocations implements Revocations {
  readonly #records: EmbeddedRecords
  readonly #clock: Clock

  constructor(records: EmbeddedRecords, clock: Clock) {
    this.#records = records
    this.#clock = clock
  }

  async record(revocation: KeptRevocation): Promise<void> {
    await answered(this.#records.put([TABLE, encodeRevocation(revocation)], revocation))
  }

  async list(query: PageQuery): Promise<{ revocations: KeptRevocation[]; nextCursor: string | undefined }> {
    const kept = this.#records.entries<KeptRevocation>([TABLE]).filter(({ value }) => !this.#isOver(value))
    const { page, nextCursor } = pageOf(kept.map(({ value }) => placeOf(value)).sort(), query)
    return { revocations: page.flatMap((place) => revocationAt(place) ?? []), nextCursor }
  }

  /** Forgets those that have expired. */
  async sweep(): Promise<void> {
    await this.#records.sweep<KeptRevocation>(TABLE, (revocation) => this.#isOver(revocation))
  }

  #isOver({ expiresAt }: KeptRevocation): boolean {
    return expiresAt <= this.#clock.now()
  }
}
