import type { Message } from '../../support/live-client.js'
import { DriverScope } from '../../support/scope.js'
import { RawClient } from '../support/raw-client.js'

/** A client as the driver sees it: any that comes back by itself can stand here. */
export interface JitterClient {
  /** Connects, or comes back to where it was. False where the connection ended on the way. */
  connect(): Promise<boolean>
  /** Ends without a goodbye, as a cable that is pulled. */
  kill(): void
  /** Not needed any more. */
  end(): void
}

export interface JitterClientOptions {
  /** Asked at each connect: the next node. */
  readonly url: () => string
  readonly userId: string
  readonly rooms: readonly string[]
  readonly onMessage: (message: Message) => void
  /** What became of a room, or of the session. */
  readonly onOutcome: (outcome: string) => void
}

export type CreateJitterClient = (options: JitterClientOptions) => JitterClient

interface Credentials {
  readonly session_id: string
  readonly resume_token: string
}

/** One that keeps its session and its positions by itself, and filters nothing. */
export class ResumingClient implements JitterClient {
  readonly #options: JitterClientOptions
  readonly #positions = new Map<string, { epoch: string; offset: number; message_id?: string }>()
  #session: Credentials | undefined
  #scope = new DriverScope()

  constructor(options: JitterClientOptions) {
    this.#options = options
  }

  async connect(): Promise<boolean> {
    const { url, userId } = this.#options
    this.#scope = new DriverScope()
    let welcomed = (_welcome: Message) => {}
    const welcome = new Promise<Message>((resolve) => {
      welcomed = resolve
    })
    const onPush = (message: Message) => (message.action === 'connected' ? welcomed(message) : this.#onPush(message))
    try {
      const place = `${url().replace('http', 'ws')}/ws?user_id=${userId}`
      const client = await RawClient.connect(this.#scope, place, onPush)
      if (this.#session !== undefined && (await this.#resume(client, this.#session))) return true
      return await this.#begin(client, await welcome)
    } catch {
      return false
    }
  }

  kill(): void {
    void this.#scope.end()
  }

  end(): void {
    this.kill()
  }

  /** False where the session is over. Throws where the connection is. */
  async #resume(client: RawClient, session: Credentials): Promise<boolean> {
    const positions = Object.fromEntries(this.#positions)
    const answer = expectAnswer(await client.ask({ type: 'resume', ...session, positions }))
    if (answer.type !== 'ack') {
      this.#options.onOutcome(answer.code)
      return false
    }
    this.#session = { session_id: answer.session_id, resume_token: answer.resume_token }
    const states = Object.values<{ recovered: string }>(answer.rooms)
    for (const { recovered } of states) this.#options.onOutcome(recovered)
    for (const _room of answer.removed) this.#options.onOutcome('removed')
    return true
  }

  async #begin(client: RawClient, { session_id, resume_token }: Message): Promise<boolean> {
    for (const room of this.#options.rooms) {
      const since = this.#positions.get(room)
      const { type, epoch, offset } = expectAnswer(
        await client.ask({ type: 'join_room', room, ...(since && { since }) })
      )
      if (type !== 'ack') return false
      if (since === undefined) this.#positions.set(room, { epoch, offset })
    }
    this.#session = { session_id, resume_token }
    return true
  }

  #onPush(message: Message): void {
    if (message.type === 'chat_message') {
      const { room, epoch, offset, message_id } = message
      this.#positions.set(room, { epoch, offset, message_id })
      this.#options.onMessage(message)
    } else if (message.action === 'gap' || message.action === 'reset' || message.action === 'user_left') {
      this.#options.onOutcome(message.action)
    }
  }
}

function expectAnswer(answer: Message | undefined): Message {
  if (answer === undefined) throw new Error('the connection ended')
  return answer
}
