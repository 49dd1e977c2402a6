import type { Message } from '../../support/live-client.js'
import type { Content, StoredMessage, StreamName } from './streams.js'

/** What an acknowledgement said; a directed message's says nothing of its place to its sender. */
export interface Acknowledgement {
  readonly epoch?: string | undefined
  readonly offset?: number | undefined
}

export interface Sent {
  readonly id: string
  readonly content: Content
  /** Absent: nobody knows whether it was stored. */
  acknowledged?: Acknowledgement
}

/** What the publishers of one stream know, over all rounds, and what was heard of it in this one. */
export class Book {
  readonly stream: StreamName
  readonly sent = new Map<string, Sent>()
  /** Of this round. */
  #round: Sent[] = []
  #heard: StoredMessage[] = []
  /** The round's messages come after this offset. */
  floor = 0

  constructor(stream: StreamName) {
    this.stream = stream
  }

  get ofRound(): readonly Sent[] {
    return this.#round
  }

  get heard(): readonly StoredMessage[] {
    return this.#heard
  }

  get unacknowledged(): Sent[] {
    return this.#round.filter(({ acknowledged }) => acknowledged === undefined)
  }

  /** What comes from here on belongs to the next round, which begins after the top. */
  endRound(top = this.floor): void {
    this.floor = top
    this.#round = []
    this.#heard = []
  }

  add(content: Content): Sent {
    const sent = { id: `${content.publisher}/${content.n}`, content }
    this.sent.set(sent.id, sent)
    this.#round.push(sent)
    return sent
  }

  hear(message: Message): void {
    this.#heard.push(message as StoredMessage)
  }
}
