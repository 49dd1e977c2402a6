import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Message } from '../../support/live-client.js'
import type { Scope } from '../../support/scope.js'

/** A client for many messages: it keeps nothing, and knows only which answer belongs to which question. */
export class RawClient {
  readonly socket: WebSocket
  readonly #onPush: (message: Message) => void
  readonly #asked = new Map<string, (answer: Message | undefined) => void>()
  #nextId = 0

  private constructor(socket: WebSocket, onPush: (message: Message) => void) {
    this.socket = socket
    this.#onPush = onPush
    socket.on('error', () => {})
    socket.on('message', (data) => this.#onMessage(JSON.parse(data.toString())))
    socket.on('close', () => {
      for (const resolve of this.#asked.values()) resolve(undefined)
      this.#asked.clear()
    })
  }

  /** Connects; everything that is no answer goes to `onPush`, the welcome first. Rejects where nobody listens. */
  static async connect(scope: Scope, url: string, onPush: (message: Message) => void = () => {}): Promise<RawClient> {
    const socket = new WebSocket(url)
    const client = new RawClient(socket, onPush)
    scope.teardown(() => client.terminate())
    await once(socket, 'open')
    return client
  }

  /** The answer; undefined where the connection ended before. */
  ask(command: object): Promise<Message | undefined> {
    if (this.socket.readyState !== WebSocket.OPEN) return Promise.resolve(undefined)
    const id = String(++this.#nextId)
    this.socket.send(JSON.stringify({ ...command, id }))
    return new Promise((resolve) => this.#asked.set(id, resolve))
  }

  /** Ends without a goodbye. */
  terminate(): void {
    this.socket.terminate()
  }

  #onMessage(message: Message): void {
    const resolve = this.#asked.get(message.id)
    if (resolve === undefined) {
      this.#onPush(message)
    } else {
      this.#asked.delete(message.id)
      resolve(message)
    }
  }
}
