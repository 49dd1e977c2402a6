import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from '../../support/live-client.js'
import type { Scope } from '../../support/scope.js'
import { RawClient } from '../support/raw-client.js'

/** One message as its publisher knows it. */
export interface Sent {
  readonly id: string
  readonly room: string
  /** Where the acknowledgement said it is. */
  place?: { readonly epoch: string; readonly offset: number }
  duplicate?: boolean
}

/** What all publishers together have done. */
export class PublisherBook {
  readonly sent = new Map<string, Sent>()
  readonly faults: string[] = []
  acknowledged = 0
  /** Tries without a certain outcome. */
  unknown = 0
  /** Tries that a node did not take, and said so. */
  refused = 0
  slowestAnswerMs = 0

  add(room: string, id: string): Sent {
    const sent: Sent = { id, room }
    this.sent.set(id, sent)
    return sent
  }
}

export interface PublisherOptions {
  readonly scope: Scope
  readonly nextUrl: () => string
  readonly room: string
  readonly name: string
  readonly perSecond: number
  readonly over: 'socket' | 'http'
  readonly book: PublisherBook
}

const RETRY_MS = 100
/** Whoever answers later than this is taken for dead. */
const GIVE_UP_MS = 10_000
/** A message that is not acknowledged so long after the end of the publishing never is. */
const SETTLE_MS = 45_000
const refusals: ReadonlySet<string> = new Set(['draining', 'overloaded', 'rate_limited'])

/** Sends one message after the other at a steady pace, each as often as it takes until it is acknowledged. */
export class SteadyPublisher {
  readonly #options: PublisherOptions
  #client: RawClient | undefined
  #url: string
  #count = 0
  #endedAt = Number.POSITIVE_INFINITY

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#url = options.nextUrl()
    options.scope.teardown(() => {
      // Nobody waits for what is still under way.
      this.#endedAt = Number.NEGATIVE_INFINITY
    })
  }

  /** Resolves after `stop`, when everything that was sent is acknowledged. */
  async run(): Promise<void> {
    const { perSecond, name, room, book } = this.#options
    for (let dueAt = performance.now(); performance.now() < this.#endedAt; ) {
      await this.#settle(book.add(room, `${name}-${++this.#count}`))
      dueAt = Math.max(dueAt + 1000 / perSecond, performance.now())
      await sleep(dueAt - performance.now())
    }
  }

  stop(): void {
    this.#endedAt = performance.now()
  }

  async #settle(sent: Sent): Promise<void> {
    const { book } = this.#options
    while (performance.now() < this.#endedAt + SETTLE_MS) {
      const begun = performance.now()
      const answer = await Promise.race([this.#send(sent), sleep(GIVE_UP_MS, undefined, { ref: false })])
      if (answer === undefined) this.#moveOn()
      else book.slowestAnswerMs = Math.max(book.slowestAnswerMs, performance.now() - begun)
      if (this.#take(sent, answer)) return
      await sleep(Math.min(answer?.retry_after_ms ?? RETRY_MS, 1000))
    }
    book.faults.push(`I9: ${sent.id} was not acknowledged ${SETTLE_MS / 1000} s after the end`)
  }

  /** True where the message needs no other try. */
  #take(sent: Sent, answer: Message | undefined): boolean {
    const { book } = this.#options
    if (answer?.offset !== undefined) {
      sent.place = { epoch: answer.epoch, offset: answer.offset }
      sent.duplicate = answer.duplicate
      book.acknowledged++
      return true
    }
    if (refusals.has(answer?.code)) {
      book.refused++
      this.#moveOn()
    } else {
      book.unknown++
      this.#judge(sent, answer)
    }
    return false
  }

  /** An uncertain outcome is told as such, with what it takes to try again. */
  #judge({ id }: Sent, answer: Message | undefined): void {
    if (answer === undefined) return
    const isHonest =
      answer.code === 'store_unavailable' && answer.message_id === id && Number.isInteger(answer.retry_after_ms)
    if (!isHonest) this.#options.book.faults.push(`I10: ${id} was answered ${JSON.stringify(answer)}`)
  }

  /** To another node, on another connection. */
  #moveOn(): void {
    this.#client?.terminate()
    this.#client = undefined
    this.#url = this.#options.nextUrl()
  }

  async #send({ id, room }: Sent): Promise<Message | undefined> {
    try {
      return this.#options.over === 'http' ? await this.#post(id, room) : await this.#ask(id, room)
    } catch {
      return undefined
    }
  }

  async #ask(id: string, room: string): Promise<Message | undefined> {
    const { scope, name } = this.#options
    this.#client ??= await RawClient.connect(scope, `${this.#url.replace('http', 'ws')}/ws?user_id=${name}`)
    return await this.#client.ask({ type: 'chat_message', room, content: id, message_id: id })
  }

  async #post(id: string, room: string): Promise<Message> {
    const response = await fetch(`${this.#url}/rooms/${room}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ content: id, message_id: id }),
      signal: AbortSignal.timeout(GIVE_UP_MS)
    })
    return (await response.json()) as Message
  }
}
