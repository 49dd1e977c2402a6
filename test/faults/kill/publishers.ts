import type { Message } from '../../support/live-client.js'
import type { Scope } from '../../support/scope.js'
import { request } from '../../support/server.js'
import { RawClient } from '../support/raw-client.js'
import type { Book, Sent } from './book.js'
import { streams, WRITER } from './streams.js'

/** Publishes under way at once on one connection. */
const IN_FLIGHT = 16

/** Sends a message; its answer, or undefined where none came. */
type Send = (sent: Sent) => Promise<Message | undefined>

/** One that publishes as fast as it is acknowledged, until an answer is none. */
export class Publisher {
  readonly #book: Book
  readonly #name: string
  readonly #send: Send
  readonly #inFlight: number
  #count = 0
  #ended = false
  /** Answers that the protocol does not allow here. */
  readonly faults: string[] = []

  private constructor(book: Book, name: string, send: Send, inFlight: number) {
    this.#book = book
    this.#name = name
    this.#send = send
    this.#inFlight = inFlight
  }

  /** On a connection of its own: what it sends is stored in the order in which it is sent. */
  static async overSocket(scope: Scope, url: string, book: Book, name: string): Promise<Publisher> {
    const client = await RawClient.connect(scope, `${url.replace('http', 'ws')}/ws?user_id=${WRITER}`)
    const send: Send = ({ content, id }) => client.ask(streams[book.stream].command(content, id))
    return new Publisher(book, name, send, IN_FLIGHT)
  }

  /** As a backend: one after the other. */
  static overHttp(url: string, book: Book, name: string): Publisher {
    return new Publisher(book, name, (sent) => post(url, book, sent), 1)
  }

  /** Resolves when every answer came or can come no more. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#inFlight }, () => this.#runLane()))
  }

  async #runLane(): Promise<void> {
    while (!this.#ended) {
      const sent = this.#book.add({ publisher: this.#name, n: ++this.#count })
      const answer = await this.#send(sent)
      if (answer?.message_id === sent.id && answer.code === undefined) {
        sent.acknowledged = { epoch: answer.epoch, offset: answer.offset }
      } else {
        this.#ended = true
        this.#judge(sent, answer)
      }
    }
  }

  /** An uncertain outcome is told as such, with the id to try again with. */
  #judge(sent: Sent, answer: Message | undefined): void {
    if (answer === undefined) return
    const fits = answer.code === 'store_unavailable' && answer.message_id === sent.id
    if (!fits) this.faults.push(`${sent.id} was answered ${JSON.stringify(answer)}`)
  }
}

/** Undefined where the server was gone before it answered. */
export async function post(url: string, { stream }: Book, { id, content }: Sent): Promise<Message | undefined> {
  try {
    const body = { content, message_id: id }
    return (await request(`${url}${streams[stream].path}`, { method: 'POST', body })).body
  } catch {
    return undefined
  }
}
