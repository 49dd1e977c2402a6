import { continuityOf, judgePosition } from '../../src/store/continuity.js'
import type { Page, ReadQuery, StoredMessage } from '../../src/store/streams.js'

/** The stored side of one channel, of which a test decides what reaches the node. */
export class FakeLog {
  epoch = 'e1'
  readonly forks: Array<{ epoch: string; offset: number }> = []
  messages: StoredMessage[] = []
  /** Messages below are gone. */
  oldest = 1
  reads = 0
  failing = false
  /** Held reads go on when it resolves. */
  gate: Promise<void> | undefined
  #top = 0

  append(content: string, { exclude = [] as readonly string[] } = {}): StoredMessage {
    const offset = ++this.#top
    const encoded = Buffer.from(JSON.stringify({ content }))
    const message = { epoch: this.epoch, offset, messageId: `m${offset}`, timestamp: offset, encoded, exclude }
    this.messages.push(message)
    return message
  }

  /** Everything after `offset` is lost, and the next messages belong to a new epoch. */
  rollBack(offset: number, epoch: string): void {
    this.messages = this.messages.filter((message) => message.offset <= offset)
    this.forks.push({ epoch: this.epoch, offset })
    this.#top = offset
    this.epoch = epoch
  }

  trim(oldest: number): void {
    this.oldest = oldest
    this.messages = this.messages.filter(({ offset }) => offset >= oldest)
  }

  read = async ({ after, limit }: ReadQuery): Promise<Page> => {
    this.reads++
    if (this.failing) throw new Error('away')
    const top = { epoch: this.epoch, offset: this.#top }
    const verdict = judgePosition({ epoch: this.epoch, top: this.#top, forks: this.forks }, after ?? { offset: 0 })
    const from = verdict.valid ? (after?.offset ?? 0) : 0
    const found = this.messages.filter(({ offset }) => offset > from)
    const messages = after === undefined ? found.slice(-limit) : found.slice(0, limit)
    const hasMore = (messages.at(-1)?.offset ?? this.#top) < this.#top
    const page = { top, oldest: this.oldest, messages, hasMore, ...continuityOf(verdict, after, this.oldest) }
    // What was read is what was there when the read began.
    await this.gate
    return page
  }
}
