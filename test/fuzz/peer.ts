import { connect } from 'node:net'
import { frame, Opcode, openRaw, type RawSocket } from '../live/raw-socket.js'
import type { Message } from '../support/live-client.js'
import type { Scope } from '../support/scope.js'

/** Nothing that is asked of a server may take longer. */
export const PATIENCE_MS = 10_000

export interface PeerOptions {
  readonly path: string
  readonly headers: Record<string, string>
}

/** A connection that keeps nothing which nobody asked for. Messages come in whole, or the server is at fault. */
export class Peer {
  readonly #raw: RawSocket
  readonly #onMessage: (message: Message) => void
  /** What the server closed with, 1006 where it said nothing. */
  code: number | undefined
  #waiting = () => {}
  /** A complaint about what came in. */
  #failure: unknown

  private constructor(raw: RawSocket, onMessage: (message: Message) => void) {
    this.#raw = raw
    this.#onMessage = onMessage
    raw.socket.on('data', () => this.#read())
    raw.socket.on('close', () => {
      this.code ??= 1006
      this.#waiting()
    })
    this.#read()
  }

  static async open(
    scope: Scope,
    { url, path, headers }: PeerOptions & { readonly url: string },
    onMessage: (message: Message) => void
  ): Promise<Peer> {
    return new Peer(await openRaw(scope, url, { path, headers }), onMessage)
  }

  send(message: object): void {
    this.write(frame(JSON.stringify(message)))
  }

  write(bytes: Buffer): void {
    if (this.#raw.socket.writable) this.#raw.write(bytes)
  }

  /** Says goodbye, or ends the line where no frame can be trusted to be read, and waits for the end. */
  async leave(properly: boolean): Promise<void> {
    if (properly) this.write(frame(Buffer.of(1000 >> 8, 1000 & 255), { opcode: Opcode.Close }))
    else this.#raw.socket.end()
    await this.until(() => this.#raw.ended, 'the connection is not ended')
  }

  /** Waits for something to come true with what comes in, which has to please `onMessage`. */
  async until(isTrue: () => boolean, complaint: string): Promise<void> {
    const end = performance.now() + PATIENCE_MS
    while (!isTrue()) {
      if (this.#failure !== undefined) throw this.#failure
      const left = end - performance.now()
      if (left <= 0) throw new Error(complaint)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#waiting = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  #read(): void {
    try {
      this.#take()
    } catch (error) {
      this.#failure ??= error
    }
    this.#waiting()
  }

  #take(): void {
    for (const { opcode, payload } of this.#raw.frames.splice(0)) {
      if (opcode === Opcode.Close) this.code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
      if (opcode === Opcode.Text) for (const line of payload.toString().split('\n')) this.#onMessage(JSON.parse(line))
    }
  }
}

/**
 * Sends bytes and gives everything that came back, in Latin-1. Ends its side `atOnce`, or when there is an answer: Node
 * drops a request whose peer has ended its side.
 */
export async function exchange(url: string, bytes: Buffer, atOnce = false): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  const pieces: Buffer[] = []
  socket.on('error', () => {})
  socket.on('data', (piece) => {
    pieces.push(piece)
    socket.end()
  })
  if (atOnce) socket.end(bytes)
  else socket.write(bytes)
  const timedOut = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(true), PATIENCE_MS)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(false)
    })
  })
  socket.destroy()
  if (timedOut) throw new Error('the request is not answered, or its line not ended')
  return Buffer.concat(pieces).toString('latin1')
}
