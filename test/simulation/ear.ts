import type { Message } from '../support/live-client.js'
import { hold } from './violation.js'

export interface EarPosition {
  readonly epoch: string
  readonly offset: number
}

/** What one client has heard of one channel, and how far: it keeps books as the protocol tells clients to. */
export class Ear {
  readonly channel: string
  /** Message ids by offset: everything after `begin`. */
  readonly heard = new Map<number, string>()
  /** Nothing up to here concerns it. */
  begin: number
  epoch: string
  offset: number
  /** The server chose where to go on, and has not shown it yet: it may repeat. */
  #isOpen = false

  constructor(channel: string, { epoch, offset }: EarPosition) {
    this.channel = channel
    this.begin = offset
    this.epoch = epoch
    this.offset = offset
  }

  get position(): EarPosition & { readonly message_id?: string } {
    const id = this.heard.get(this.offset)
    return { epoch: this.epoch, offset: this.offset, ...(id !== undefined && { message_id: id }) }
  }

  /** Nothing was heard since the server chose where to go on. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** The server goes on where it thinks right: what follows may repeat, and may replace what a roll-back made void. */
  reopen(): void {
    this.#isOpen = true
  }

  /** What lies beyond is void. */
  reset({ epoch, offset }: EarPosition): void {
    this.cutAfter(offset)
    this.begin = Math.min(this.begin, offset)
    this.epoch = epoch
    this.offset = offset
  }

  cutAfter(offset: number): void {
    for (const heard of [...this.heard.keys()]) if (heard > offset) this.heard.delete(heard)
    this.offset = Math.min(this.offset, offset)
  }

  /** Nothing of what it heard counts any more; the server goes on at this position, or earlier. */
  forget({ epoch, offset }: EarPosition): void {
    this.heard.clear()
    this.begin = offset
    this.epoch = epoch
    this.offset = offset
    this.#isOpen = true
  }

  /** The next message of the channel. Throws `Violation`. */
  hear({ epoch, offset, message_id: id }: Message): void {
    if (this.#isOpen) {
      this.#isOpen = false
      this.cutAfter(offset - 1)
      this.begin = Math.min(this.begin, this.offset)
    }
    hold(offset > this.offset, () => `I3: ${this.channel} ${epoch} ${offset} (${id}) again after ${this.offset}`)
    hold(offset === this.offset + 1, () => `I2: ${this.channel} ${epoch} ${offset} (${id}) follows on ${this.offset}`)
    this.heard.set(offset, id)
    this.epoch = epoch
    this.offset = offset
  }
}
