import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { type FrameEvents, FrameReader } from './frame-reader.js'

/** All sockets of a process read into the same memory, one after the other. */
const READ_BYTES = 262_144
const shared = Buffer.allocUnsafe(READ_BYTES)
const HEAD_END = '\r\n\r\n'
const HEAD_BYTES_MAX = 8192
const DEFLATE = 'permessage-deflate'

export interface RawSocketOptions extends FrameEvents {
  readonly port: number
  readonly path: string
  /** Offers permessage-deflate as browsers do; a server that does not take it counts as one that refuses. */
  readonly deflates?: boolean
  /** Messages that became complete in one read. */
  onCount(count: number): void
  /** The connection is gone, whoever ended it. */
  onClose?(): void
}

/** A WebSocket over a plain socket: it counts what comes, and parses nothing of it. */
export class RawSocket {
  readonly #socket: net.Socket
  readonly #reader: FrameReader
  readonly #options: RawSocketOptions
  /** The head of the handshake's answer as far as it came; undefined once the WebSocket is open. */
  #head: Buffer | undefined = Buffer.alloc(0)
  #onOpen: () => void = () => {}
  #onRefusal: (error: Error) => void = () => {}
  /** Resolves when the WebSocket is open; rejects where the server refuses. */
  readonly opened = new Promise<void>((resolve, reject) => {
    this.#onOpen = resolve
    this.#onRefusal = reject
  })

  constructor(options: RawSocketOptions) {
    this.#options = options
    this.#reader = new FrameReader(options)
    this.#socket = net.connect({
      host: '127.0.0.1',
      port: options.port,
      noDelay: true,
      onread: { buffer: shared, callback: (length, bytes) => this.#onRead(bytes as Buffer, length) }
    })
    this.#socket.on('error', (error) => this.#onRefusal(error))
    this.#socket.on('close', () => {
      this.#onRefusal(new Error('the connection ended'))
      options.onClose?.()
    })
    this.#socket.write(handshake(options))
  }

  /** Whole frames. */
  write(frames: Buffer): void {
    this.#socket.write(frames)
  }

  /** For another process to go on with: nothing more is read here. Throws in the middle of a frame. */
  handOver(): net.Socket {
    if (!this.#reader.isBetweenFrames) throw new Error('a connection in the middle of a frame')
    this.#socket.pause()
    return this.#socket
  }

  /** Ends without a goodbye. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** Ends with a reset: nothing of it stays behind, no address in TIME_WAIT either. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  #onRead(bytes: Buffer, length: number): boolean {
    if (this.#head === undefined) {
      this.#count(bytes, length)
    } else {
      this.#readHead(Buffer.concat([this.#head, bytes.subarray(0, length)]))
    }
    return true
  }

  #count(bytes: Buffer, length: number): void {
    const count = this.#reader.read(bytes, length)
    if (count > 0) this.#options.onCount(count)
  }

  #readHead(head: Buffer): void {
    this.#head = head
    const end = head.indexOf(HEAD_END)
    if (end === -1 && head.length < HEAD_BYTES_MAX) return
    if (end === -1 || !isAccepted(head.toString('latin1', 0, end), this.#options)) {
      this.#onRefusal(new Error(`refused: ${head.toString('latin1', 0, Math.min(head.length, 200))}`))
      return
    }
    this.#head = undefined
    this.#onOpen()
    const rest = head.subarray(end + HEAD_END.length)
    if (rest.length > 0) this.#count(rest, rest.length)
  }
}

function isAccepted(head: string, { deflates = false }: RawSocketOptions): boolean {
  return head.startsWith('HTTP/1.1 101') && head.includes(DEFLATE) === deflates
}

function handshake({ path, port, deflates }: RawSocketOptions): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    ...(deflates === true ? [`Sec-WebSocket-Extensions: ${DEFLATE}; client_max_window_bits`] : [])
  ]
  return lines.join('\r\n') + HEAD_END
}
