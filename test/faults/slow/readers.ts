import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Message } from '../../support/live-client.js'
import type { Scope } from '../../support/scope.js'
import type { Latencies } from '../support/latencies.js'

export const ROOM = 'r'
/** Monotonic, in milliseconds, of the same process. */
const sentAt = /"sent_at":([\d.]+)/
const position = /"offset":(\d+)/

/** A member that looks only at what it needs: parsing gigabytes would measure the driver. */
export class FastReader {
  readonly #socket: WebSocket
  /** Where the latencies of what comes now go. */
  latencies: Latencies
  last = 0

  private constructor(socket: WebSocket, latencies: Latencies) {
    this.#socket = socket
    this.latencies = latencies
    socket.on('message', (data: Buffer) => this.#onFrame(data))
  }

  static async join(scope: Scope, url: string, name: string, latencies: Latencies): Promise<FastReader> {
    return new FastReader(await joinRoom(scope, url, name), latencies)
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  #onFrame(data: Buffer): void {
    // The position stands at the beginning of a message or at its end, the long contents between.
    const ends = data.length > 1000 ? data.toString('latin1', 0, 500) + data.toString('latin1', data.length - 500) : ''
    const offset = position.exec(ends)?.[1]
    if (offset === undefined) return
    const next = Number(offset)
    if (next !== this.last + 1) throw new Error(`a fast reader heard ${next} after ${this.last}`)
    this.last = next
    this.latencies.add(performance.now() - Number(sentAt.exec(ends)?.[1]))
  }
}

/** A range of offsets that it was told are gone. */
export interface Told {
  readonly from: number
  readonly to: number
}

/** A member that stops reading its socket. */
export class SlowReader {
  readonly #socket: WebSocket
  readonly messages: number[] = []
  readonly gaps: Told[] = []
  /** Messages and gaps, as they came: each has to follow on the one before. */
  readonly disorder: string[] = []
  next: number

  private constructor(socket: WebSocket, next: number) {
    this.#socket = socket
    this.next = next
    socket.on('message', (data: Buffer) => this.#onMessage(JSON.parse(data.toString())))
  }

  /** Joins after the offset `top`. */
  static async join(scope: Scope, url: string, top: number): Promise<SlowReader> {
    return new SlowReader(await joinRoom(scope, url, 'slow'), top + 1)
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  async leave(): Promise<void> {
    const closed = once(this.#socket, 'close')
    this.#socket.close(1000)
    await closed
  }

  #onMessage({ type, action, offset, from, to }: Message): void {
    if (type === 'chat_message') this.#follow(offset, offset, 'message')
    else if (action === 'gap') this.#follow(from, to, 'gap')
    else if (action === 'reset') this.disorder.push('a reset')
  }

  #follow(from: number, to: number, what: 'message' | 'gap'): void {
    if (from !== this.next) this.disorder.push(`${what} ${from} where ${this.next} should be`)
    this.next = to + 1
    if (what === 'message') this.messages.push(from)
    else this.gaps.push({ from, to })
  }
}

async function joinRoom(scope: Scope, url: string, name: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws?user_id=${name}`)
  scope.teardown(() => socket.terminate())
  socket.once('open', () => socket.send(JSON.stringify({ type: 'join_room', room: ROOM, id: 'join' })))
  // Several messages may come at once: one listener looks at all of them.
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.on('message', function look(data: Buffer) {
      const { id, type } = JSON.parse(data.toString())
      if (id !== 'join') return
      socket.off('message', look)
      if (type === 'ack') resolve()
      else reject(new Error(`${name} may not join: ${data}`))
    })
  })
  socket.on('error', () => {})
  return socket
}
