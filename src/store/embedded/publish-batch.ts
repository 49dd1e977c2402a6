import type { Random } from '../../random.js'
import { newEpoch } from '../continuity.js'
import {
  type ChannelId,
  META_GRACE_MS,
  NO_RETENTION,
  type Published,
  type PublishOptions,
  type StoredMessage
} from '../streams.js'
import type { ChannelMeta, Ledger, LedgerBatch, NewReceipt, Receipt } from './ledger.js'

/** What is beyond a channel's size is dropped so many at a time, or an eighth of the size where that is less. */
const TRIM_MAX = 64

/** A batch while it is put together: what it makes of one channel. */
interface ChannelDraft {
  readonly before: ChannelMeta
  readonly messages: StoredMessage[]
  /** By message id. */
  readonly receiptOf: Map<string, Receipt>
  size: number
  ttlMs: number
  oldest: number
  expiresAt: number
}

/** Publishes on their way into one commit. Each gets its place when it is added. */
export class PublishBatch {
  readonly #ledger: Ledger
  readonly #random: Random
  /** Milliseconds since 1970. */
  readonly #now: number
  readonly #drafts = new Map<ChannelId, ChannelDraft>()
  readonly #receipts: NewReceipt[] = []

  constructor(ledger: Ledger, random: Random, now: number) {
    this.#ledger = ledger
    this.#random = random
    this.#now = now
  }

  /** Gives one publish its place, or finds the place of the first with its id. */
  add(channel: ChannelId, encoded: Buffer, options: PublishOptions): Published {
    const { messageId, timestamp, exclude = [] } = options
    const draft = this.#draftOf(channel)
    const earlier = draft.receiptOf.get(messageId) ?? this.#ledger.receipt(channel, messageId, this.#now)
    if (earlier !== undefined) return this.#published(earlier, messageId, true)

    const offset = draft.before.top + draft.messages.length + 1
    const message = { epoch: draft.before.epoch, offset, messageId, timestamp, encoded, exclude }
    this.#append(draft, message, options)
    draft.receiptOf.set(messageId, message)
    this.#receipts.push({ channel, messageId, receipt: message, expiresAt: this.#now + options.idempotencyMs })
    return this.#published(message, messageId, false)
  }

  /** What was added, channel by channel and in order. */
  *messages(): Iterable<[ChannelId, StoredMessage]> {
    for (const [channel, { messages }] of this.#drafts) for (const message of messages) yield [channel, message]
  }

  toLedger(): LedgerBatch {
    const metas = new Map<ChannelId, ChannelMeta>()
    const messages = new Map<ChannelId, StoredMessage[]>()
    const trims = new Map<ChannelId, number>()
    for (const [channel, draft] of this.#drafts) {
      // Duplicates only: nothing changes.
      if (draft.messages.length === 0) continue
      metas.set(channel, metaOf(draft))
      messages.set(channel, keptOf(draft))
      if (isTrimDue(draft)) trims.set(channel, draft.oldest - 1)
    }
    return { metas, messages, receipts: this.#receipts, trims }
  }

  #draftOf(channel: ChannelId): ChannelDraft {
    const known = this.#drafts.get(channel)
    if (known !== undefined) return known
    const before = this.#ledger.meta(channel) ?? newMeta(this.#random)
    const { size, ttlMs, oldest, expiresAt } = before
    const draft = { before, messages: [], receiptOf: new Map(), size, ttlMs, oldest, expiresAt }
    this.#drafts.set(channel, draft)
    return draft
  }

  #append(draft: ChannelDraft, message: StoredMessage, { retention }: PublishOptions): void {
    draft.messages.push(message)
    draft.size = retention.size
    draft.ttlMs = retention.ttlMs
    draft.oldest = Math.max(draft.oldest, message.offset - retention.size + 1)
    draft.expiresAt = this.#now + retention.ttlMs + META_GRACE_MS
  }

  #published({ epoch, offset, timestamp }: Receipt, messageId: string, duplicate: boolean): Published {
    return { position: { epoch, offset, messageId }, timestamp, duplicate, durable: this.#ledger.durable }
  }
}

export function newMeta(random: Random): ChannelMeta {
  return { epoch: newEpoch(random), top: 0, forks: [], ...NO_RETENTION, oldest: 1, expiresAt: 0 }
}

function metaOf({ before, messages, size, ttlMs, oldest, expiresAt }: ChannelDraft): ChannelMeta {
  return { ...before, top: before.top + messages.length, size, ttlMs, oldest, expiresAt }
}

function keptOf({ before, messages, oldest }: ChannelDraft): StoredMessage[] {
  const first = before.top + 1
  return oldest > first ? messages.slice(oldest - first) : messages
}

/** Every so many messages: looking for what to drop costs more than dropping it. */
function isTrimDue({ before, oldest, size }: ChannelDraft): boolean {
  // Nothing older stays: what is written now would not follow on it.
  if (oldest > before.top) return true
  const step = Math.max(1, Math.min(TRIM_MAX, size >> 3))
  return Math.floor(oldest / step) > Math.floor(before.oldest / step)
}
