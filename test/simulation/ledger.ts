import type { Message } from '../support/live-client.js'
import type { EarPosition } from './ear.js'
import { hold } from './violation.js'

/** Redis lost what it stored between the two moments. */
export interface Loss {
  readonly from: number
  readonly to: number
}

export interface Receipt extends EarPosition {
  /** When the answer came. */
  readonly at: number
}

/** One message as its publisher knows it. */
export interface Draft {
  readonly id: string
  /** `room:…` or `user:…`. */
  readonly channel: string
  /** When it was sent first. */
  readonly sentAt: number
  readonly receipts: Receipt[]
}

/** What was published, what was acknowledged, and what Redis is known to have lost. */
export class Ledger {
  readonly drafts = new Map<string, Draft>()
  readonly losses: Loss[] = []

  begin(id: string, channel: string, now: number): Draft {
    const draft = { id, channel, sentAt: now, receipts: [] }
    this.drafts.set(id, draft)
    return draft
  }

  /** What a client hears was published there. Throws `Violation`. */
  check(channel: string, { message_id: id, content }: Message): void {
    const draft = this.drafts.get(id)
    hold(draft !== undefined, () => `I4: ${channel} ${id} was never published`)
    hold(draft.channel === channel, () => `I4: ${id} of ${draft.channel} was heard in ${channel}`)
    hold(content === id, () => `I4: ${id} has another content, ${content}`)
  }

  /** Whether something of this time may be lost. */
  mayBeLost(since: number, until: number): boolean {
    return this.losses.some(({ from, to }) => since <= to && until >= from)
  }

  /** Whether Redis has lost anything within the last time. */
  hasLostWithin(ms: number, now: number): boolean {
    return this.losses.some(({ to }) => now - to <= ms)
  }
}
