import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'

/** A message of the server; fields are looked at by the tests. */
// biome-ignore lint/suspicious/noExplicitAny: a test says by its assertions what it expects
export type Message = Record<string, any>

export interface LiveClientOptions extends ClientOptions {
  readonly protocols?: string[]
}

interface Waiting {
  readonly wanted: (message: Message) => boolean
  readonly resolve: (message: Message) => void
}

/** A client that keeps everything it hears and knows nothing: for tests that look at the wire. */
export class LiveClient {
  readonly socket: WebSocket
  /** Everything that came in, oldest first. */
  readonly messages: Message[] = []
  /** Frames as they came in. */
  readonly frames: string[] = []
  /** Messages that nobody has waited for yet. */
  #unseen: Message[] = []
  #waiting: Waiting[] = []
  #nextId = 0
  #code = 0

  constructor(url: string, { protocols = [], ...options }: LiveClientOptions = {}) {
    this.socket = new WebSocket(url, protocols, options)
    this.socket.on('error', () => {})
    this.socket.on('close', (code) => {
      this.#code = code
    })
    this.socket.on('message', (data) => this.#onFrame(data.toString()))
  }

  /** Sends as it is. */
  raw(data: string | Buffer): void {
    this.socket.send(data)
  }

  send(message: object): void {
    this.raw(JSON.stringify(message))
  }

  /** Sends with an id and waits for the answer: `ack`, `heartbeat_ack` or `error`. */
  async ask(message: object): Promise<Message> {
    const id = `c${++this.#nextId}`
    this.send({ id, ...message })
    return await this.next((answer) => answer.id === id)
  }

  /** Waits for the next message that fits and that no other call has taken. */
  async next(wanted: (message: Message) => boolean | undefined): Promise<Message> {
    const fits = (message: Message) => wanted(message) === true
    const index = this.#unseen.findIndex(fits)
    if (index !== -1) return this.#unseen.splice(index, 1)[0] as Message
    return await new Promise((resolve) => this.#waiting.push({ wanted: fits, resolve }))
  }

  /** Waits until `count` messages of a type came in, and gives all of them. */
  async collect(type: string, count: number): Promise<Message[]> {
    const found = () => this.messages.filter((message) => message.type === type)
    while (found().length < count) await once(this.socket, 'message')
    return found()
  }

  /** Waits for the end: the close code. */
  async closed(): Promise<number> {
    if (this.socket.readyState === WebSocket.CLOSED) return this.#code
    const [code] = await once(this.socket, 'close')
    return code
  }

  terminate(): void {
    this.socket.terminate()
  }

  #onFrame(frame: string): void {
    this.frames.push(frame)
    for (const line of frame.split('\n')) this.#onMessage(JSON.parse(line))
  }

  #onMessage(message: Message): void {
    this.messages.push(message)
    const index = this.#waiting.findIndex(({ wanted }) => wanted(message))
    if (index === -1) this.#unseen.push(message)
    else this.#waiting.splice(index, 1)[0]?.resolve(message)
  }
}
