/** One message as it was acknowledged. */
export interface Stored {
  readonly id: string
  readonly content: unknown
  /** User id of the sender; null where a backend gave none. */
  readonly from: string | null
  /** Milliseconds since 1970, by the server's clock. */
  readonly at: number
}

/** A position as a client names it. */
export interface Claim {
  readonly epoch: string
  readonly offset: number
  readonly message_id?: string
}

export interface Recovery {
  readonly recovered: 'full' | 'gap' | 'reset'
  readonly gap?: { readonly from: number; readonly to: number }
  /** What is sent follows on this offset. */
  readonly start: number
}

export interface StreamLimits {
  readonly size: number
  /** Infinity where no test lets messages grow old. */
  readonly ttlMs: number
  readonly idempotencyMs: number
}

interface Receipt {
  readonly offset: number
  readonly until: number
}

/** A channel as the protocol describes it: everything that was ever acknowledged, and from where on it is kept. */
export class StreamModel {
  /** Learned from the first answer that names it; never another one afterwards. */
  epoch: string | undefined
  readonly log: Stored[] = []
  readonly receipts = new Map<string, Receipt>()
  readonly #limits: StreamLimits
  #oldest = 1

  constructor(limits: StreamLimits) {
    this.#limits = limits
  }

  get top(): number {
    return this.log.length
  }

  at(offset: number): Stored | undefined {
    return this.log[offset - 1]
  }

  /** The oldest offset that is kept; top + 1 for none. */
  oldest(now: number): number {
    while (this.#oldest <= this.top && (this.at(this.#oldest)?.at ?? 0) <= now - this.#limits.ttlMs) this.#oldest++
    return this.#oldest
  }

  /** The offset that a message id has by now; undefined for a new one. */
  known(id: string, now: number): number | undefined {
    const receipt = this.receipts.get(id)
    return receipt !== undefined && receipt.until > now ? receipt.offset : undefined
  }

  /** A message was acknowledged at the next offset. */
  add(message: Stored): void {
    this.log.push(message)
    this.receipts.set(message.id, { offset: this.top, until: message.at + this.#limits.idempotencyMs })
    this.#oldest = Math.max(this.#oldest, this.top - this.#limits.size + 1)
  }

  purge(): void {
    this.#oldest = this.top + 1
  }

  /** What whoever comes back with a position is to be told (protocol.md 2.1). */
  recover(claim: Claim, now: number): Recovery {
    const oldest = this.oldest(now)
    const found = this.at(claim.offset)
    const another = claim.message_id !== undefined && found !== undefined && found.id !== claim.message_id
    if (claim.epoch !== this.epoch || claim.offset > this.top || (another && claim.offset >= oldest)) {
      return { recovered: 'reset', start: oldest - 1 }
    }
    if (claim.offset + 1 >= oldest) return { recovered: 'full', start: claim.offset }
    return { recovered: 'gap', gap: { from: claim.offset + 1, to: oldest - 1 }, start: oldest - 1 }
  }

  /** Where the newest `count` messages begin. */
  startOfNewest(count: number, now: number): number {
    return Math.max(this.top - count, this.oldest(now) - 1)
  }
}
