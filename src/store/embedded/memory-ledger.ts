import { type ChannelId, PAGE_BYTES_MAX, type StoredMessage } from '../streams.js'
import { MemoryRecordBacking } from './embedded-records.js'
import type { ChannelMeta, Ledger, LedgerBatch, LedgerRange, NewReceipt, Receipt } from './ledger.js'

interface TimedReceipt extends Receipt {
  readonly expiresAt: number
}

interface ChannelLog {
  /** Offset of `messages[0]`. */
  first: number
  messages: StoredMessage[]
}

/** Keeps everything in the process: nothing outlives it. */
export class MemoryLedger implements Ledger {
  readonly durable = 'memory'
  readonly records = new MemoryRecordBacking()
  readonly #metas = new Map<ChannelId, ChannelMeta>()
  readonly #logs = new Map<ChannelId, ChannelLog>()
  readonly #receipts = new Map<ChannelId, Map<string, TimedReceipt>>()

  meta(channel: ChannelId): ChannelMeta | undefined {
    return this.#metas.get(channel)
  }

  read(channel: ChannelId, range: LedgerRange): StoredMessage[] {
    const log = this.#logs.get(channel)
    if (log === undefined) return []
    const start = Math.max(range.from - log.first, 0)
    const end = Math.max(range.to - log.first + 1, start)
    const found = log.messages.slice(start, end)
    return firstPage((range.newestFirst === true ? found.reverse() : found).slice(0, range.limit))
  }

  receipt(channel: ChannelId, messageId: string, now: number): Receipt | undefined {
    const receipt = this.#receipts.get(channel)?.get(messageId)
    return receipt !== undefined && receipt.expiresAt > now ? receipt : undefined
  }

  async commit({ metas = [], messages = [], receipts = [], trims = [], forgotten = [] }: LedgerBatch): Promise<void> {
    for (const [channel, meta] of metas) this.#metas.set(channel, meta)
    for (const [channel, to] of trims) this.#trim(channel, to)
    for (const [channel, run] of messages) this.#append(channel, run)
    for (const receipt of receipts) this.#keep(receipt)
    for (const channel of forgotten) {
      this.#metas.delete(channel)
      this.#logs.delete(channel)
    }
  }

  channels(): Iterable<ChannelId> {
    return this.#metas.keys()
  }

  async sweepReceipts(now: number): Promise<boolean> {
    for (const [channel, receipts] of this.#receipts) {
      // Receipts of a channel live equally long as a rule, so the oldest stand first.
      for (const [messageId, { expiresAt }] of receipts) {
        if (expiresAt > now) break
        receipts.delete(messageId)
      }
      if (receipts.size === 0) this.#receipts.delete(channel)
    }
    return false
  }

  async close(): Promise<void> {
    this.#metas.clear()
    this.#logs.clear()
    this.#receipts.clear()
  }

  #append(channel: ChannelId, run: readonly StoredMessage[]): void {
    const [first] = run
    if (first === undefined) return
    const log = this.#logs.get(channel)
    if (log === undefined) this.#logs.set(channel, { first: first.offset, messages: [...run] })
    else for (const message of run) log.messages.push(message)
  }

  #keep({ channel, messageId, receipt: { epoch, offset, timestamp }, expiresAt }: NewReceipt): void {
    const receipts = this.#receipts.get(channel) ?? new Map<string, TimedReceipt>()
    this.#receipts.set(channel, receipts.set(messageId, { epoch, offset, timestamp, expiresAt }))
  }

  #trim(channel: ChannelId, to: number): void {
    const log = this.#logs.get(channel)
    if (log === undefined) return
    const gone = Math.min(Math.max(to - log.first + 1, 0), log.messages.length)
    log.messages.splice(0, gone)
    log.first += gone
    if (log.messages.length === 0) this.#logs.delete(channel)
  }
}

function firstPage(messages: StoredMessage[]): StoredMessage[] {
  let bytes = 0
  const tooMuch = messages.findIndex(({ encoded }, index) => {
    bytes += encoded.length
    return index > 0 && bytes > PAGE_BYTES_MAX
  })
  return tooMuch === -1 ? messages : messages.slice(0, tooMuch)
}
