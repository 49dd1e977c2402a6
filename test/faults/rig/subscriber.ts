import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Message } from '../../support/live-client.js'
import type { Scope } from '../../support/scope.js'
import { RawClient } from '../support/raw-client.js'
import { Hearing } from './hearing.js'

export interface SubscriberOptions {
  readonly scope: Scope
  /** The next node to go to. */
  readonly nextUrl: () => string
  readonly userId: string
  readonly room: string
  readonly onMessage: (message: Message) => void
}

interface Session {
  readonly session_id: string
  readonly resume_token: string
}

/** One connection, from the try to open it on. */
interface Attempt {
  client: RawClient | undefined
  /** What comes before the answer to the come-back is understood only after it; undefined from then on. */
  held: Message[] | undefined
}

const RETRY_MS = 200
/** A connection that does not come about by then is given up. */
const COME_BACK_MS = 10_000

/** A member of one room that keeps its position and comes back, on any node, whenever it is cut off. */
export class Subscriber {
  readonly hearing: Hearing
  readonly #options: SubscriberOptions
  #attempt: Attempt | undefined
  #session: Session | undefined
  #ended = false
  comebacks = 0

  private constructor(options: SubscriberOptions) {
    this.#options = options
    this.hearing = new Hearing(`${options.userId} in ${options.room}`)
  }

  /** Resolves when it is in its room. */
  static async join(options: SubscriberOptions): Promise<Subscriber> {
    const subscriber = new Subscriber(options)
    options.scope.teardown(() => subscriber.end())
    await subscriber.#comeBack()
    return subscriber
  }

  get userId(): string {
    return this.#options.userId
  }

  get room(): string {
    return this.#options.room
  }

  /** In its room, and hears it. */
  get there(): boolean {
    return this.#attempt?.client !== undefined && this.#attempt.held === undefined
  }

  /** Drops its connection without a goodbye; it comes back by itself. */
  drop(): void {
    this.#attempt?.client?.terminate()
  }

  /** Stays away from now on. */
  end(): void {
    this.#ended = true
    this.drop()
  }

  async #comeBack(): Promise<void> {
    while (!this.#ended && !this.there) {
      const attempt: Attempt = { client: undefined, held: [] }
      this.#attempt = attempt
      const isThere = await Promise.race([this.#try(attempt), sleep(COME_BACK_MS, false, { ref: false })])
      if (isThere) return
      // From now on nothing that it still hears counts.
      this.#attempt = undefined
      attempt.client?.terminate()
      await sleep(RETRY_MS)
    }
  }

  async #try(attempt: Attempt): Promise<boolean> {
    const { scope, nextUrl, userId } = this.#options
    try {
      const url = `${nextUrl().replace('http', 'ws')}/ws?user_id=${userId}`
      const client = await RawClient.connect(scope, url, (message) => this.#onPush(attempt, message))
      attempt.client = client
      client.socket.once('close', () => this.#onClose(attempt))
      return await this.#enter(attempt, client)
    } catch {
      return false
    }
  }

  /** By its session, else as a new one that knows its position. */
  async #enter(attempt: Attempt, client: RawClient): Promise<boolean> {
    if (this.#session === undefined) return await this.#join(attempt, client)
    const { session_id, resume_token } = this.#session
    const positions = { [this.#options.room]: this.hearing.position }
    const answer = await client.ask({ type: 'resume', session_id, resume_token, positions })
    if (answer?.code === 'session_not_found') return await this.#join(attempt, client)
    if (answer?.type !== 'ack') return false
    this.#session = { session_id: answer.session_id, resume_token: answer.resume_token }
    const room = answer.rooms[this.#options.room]
    return room === undefined ? await this.#join(attempt, client) : this.#arrive(attempt, room)
  }

  async #join(attempt: Attempt, client: RawClient): Promise<boolean> {
    const { room } = this.#options
    const { position } = this.hearing
    const isFirst = position.epoch === ''
    const answer = await client.ask({ type: 'join_room', room, ...(isFirst ? {} : { since: position }) })
    if (answer?.type !== 'ack') return false
    const welcome = attempt.held?.find(({ action }) => action === 'connected')
    this.#session = { session_id: welcome?.session_id, resume_token: welcome?.resume_token }
    if (isFirst) this.hearing.begin({ epoch: answer.epoch, offset: answer.offset })
    return this.#arrive(attempt, isFirst ? undefined : answer)
  }

  #arrive(attempt: Attempt, state: Message | undefined): boolean {
    if (this.#attempt !== attempt) return false
    if (state !== undefined) {
      this.comebacks++
      this.hearing.back(state)
    }
    const held = attempt.held ?? []
    attempt.held = undefined
    for (const message of held) this.#hear(message)
    return attempt.client?.socket.readyState === WebSocket.OPEN
  }

  #onPush(attempt: Attempt, message: Message): void {
    if (attempt.held !== undefined) attempt.held.push(message)
    else if (this.#attempt === attempt) this.#hear(message)
  }

  #hear(message: Message): void {
    // The inbox tells of its own losses.
    if (message.room !== this.#options.room) return
    if (message.type === 'chat_message') {
      this.#options.onMessage(message)
      this.hearing.message(message)
    } else if (message.action === 'gap') this.hearing.gap(message)
    else if (message.action === 'reset') this.hearing.reset(message)
  }

  #onClose(attempt: Attempt): void {
    if (this.#attempt !== attempt || attempt.held !== undefined) return
    this.#attempt = undefined
    void this.#comeBack()
  }
}
