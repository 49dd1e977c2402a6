import type { Database, RootDatabase } from 'lmdb'
import { decodeMessage, encodeBlock, splitBlock } from '../record.js'
import { type ChannelId, PAGE_BYTES_MAX, type StoredMessage } from '../streams.js'
import type { LedgerRange } from './ledger.js'

/** A message that is larger has a block of its own. */
const BLOCK_BYTES_MAX = 16_384

/** A channel and the offset of the last message in the block. */
type BlockKey = [ChannelId, number]

/**
 * Messages of all channels in one table. Neighbours that were written together lie in one block: writing a block costs
 * about as much as writing one message. Writes belong into a batch of the database.
 */
export class LmdbMessages {
  readonly #blocks: Database<Buffer, BlockKey>

  constructor(root: RootDatabase) {
    this.#blocks = root.openDB({ name: 'blocks', encoding: 'binary' })
  }

  read(channel: ChannelId, range: LedgerRange): StoredMessage[] {
    const messages: StoredMessage[] = []
    if (range.from > range.to || range.limit <= 0) return messages
    let bytes = 0
    for (const message of this.#walk(channel, range)) {
      bytes += message.encoded.length
      if (messages.length > 0 && bytes > PAGE_BYTES_MAX) break
      messages.push(message)
      if (messages.length === range.limit) break
    }
    return messages
  }

  /** Neighbours, in order. */
  put(channel: ChannelId, messages: readonly StoredMessage[]): void {
    for (const block of blocksOf(messages)) {
      const last = block.at(-1)?.offset
      if (last !== undefined) this.#blocks.put([channel, last], encodeBlock(block))
    }
  }

  /** Removes all up to `to`, but for those that share a block with a later one. */
  trim(channel: ChannelId, to: number): void {
    const ends = this.#blocks.getKeys({ start: [channel, 0], end: [channel, to + 1] })
    for (const key of [...ends]) this.#blocks.remove(key)
  }

  *#walk(channel: ChannelId, range: LedgerRange): Iterable<StoredMessage> {
    const { from, to, newestFirst = false } = range
    for (const block of newestFirst ? this.#blocksDown(channel, range) : this.#blocksUp(channel, range)) {
      const records = splitBlock(block)
      if (newestFirst) records.reverse()
      for (const record of records) {
        const message = decodeMessage(record)
        if (message !== undefined && message.offset >= from && message.offset <= to) yield message
      }
    }
  }

  *#blocksUp(channel: ChannelId, { from, to }: LedgerRange): Iterable<Buffer> {
    for (const { key, value } of this.#blocks.getRange({ start: [channel, from], end: [channel, Infinity] })) {
      yield value
      if (key[1] >= to) return
    }
  }

  *#blocksDown(channel: ChannelId, { from, to }: LedgerRange): Iterable<Buffer> {
    const [last] = this.#blocks.getKeys({ start: [channel, to], end: [channel, Infinity], limit: 1 })
    const start: BlockKey = last ?? [channel, to]
    const end: BlockKey = [channel, from - 1]
    for (const { value } of this.#blocks.getRange({ start, end, reverse: true })) yield value
  }
}

function* blocksOf(messages: readonly StoredMessage[]): Iterable<StoredMessage[]> {
  let block: StoredMessage[] = []
  let bytes = 0
  for (const message of messages) {
    bytes += message.encoded.length
    if (block.length > 0 && bytes > BLOCK_BYTES_MAX) {
      yield block
      block = []
      bytes = message.encoded.length
    }
    block.push(message)
  }
  if (block.length > 0) yield block
}
