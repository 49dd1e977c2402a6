import { connect, type Socket } from 'node:net'
import type { Random } from '../support/random.js'
import { Line } from './line.js'
import type { Behaviour } from './manner.js'

export interface LinkOptions {
  readonly client: Socket
  readonly targetPort: number
  readonly random: Random
  /** The client has sent something, which is on its way up. */
  readonly onRequest: (link: Link, bytes: Buffer) => void
}

/** Of what a client sends first, so much is remembered: it says who it is. */
const OPENING_BYTES = 4096

/** One connection through the proxy: the client's end, the server's end and the two ways between them. */
export class Link {
  readonly #client: Socket
  readonly #server: Socket
  readonly #up: Line
  readonly #down: Line
  #opening = ''
  /** What comes down next ends the link. */
  #losing = false

  constructor({ client, targetPort, random, onRequest }: LinkOptions) {
    this.#client = client
    this.#server = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    client.setNoDelay(true)
    const cut = () => this.reset()
    this.#up = new Line({
      ...{ from: client, to: this.#server, random, cut, isResp: () => false },
      onBytes: (bytes) => {
        if (this.#opening.length < OPENING_BYTES) this.#opening += bytes.toString('latin1')
        onRequest(this, bytes)
      }
    })
    this.#down = new Line({
      ...{ from: this.#server, to: client, random, cut, isResp: () => this.#opening.startsWith('*') },
      onBytes: () => {
        if (this.#losing) this.#loseReply()
      }
    })
  }

  get open(): boolean {
    return !this.#client.destroyed && !this.#server.destroyed
  }

  /** Whether the client named itself so at the beginning: by its URL, or by a name told to Redis. */
  says(text: string): boolean {
    return this.#opening.includes(text)
  }

  behave({ up = {}, down = {} }: Behaviour): void {
    this.#up.behave(up)
    this.#down.behave(down)
  }

  /** Ends both connections by RST. */
  reset(): void {
    reset(this.#client)
    reset(this.#server)
  }

  /** Ends both connections by FIN. */
  finish(): void {
    this.#client.end()
    this.#server.end()
  }

  /** What was sent so far is carried out, and its answer never comes: the client is cut off in its place. */
  loseReply(): void {
    this.#losing = true
    this.#down.behave({ dropAll: true })
  }

  #loseReply(): void {
    reset(this.#client)
    // Not a reset: the server may not have read everything yet.
    this.#up.end()
  }
}

/** Where the end is on its way already libuv refuses a reset, and Node would wait for that socket for ever at its exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
