import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { CloseCode } from '../protocol/close-codes.js'
import { type Chunk, type ChunkForm, joinLines } from './chunk.js'
import { releaseWindows } from './deflate-offers.js'
import { ownFragments, PIECES_MAX } from './fragments.js'
import type { Ping } from './ping.js'
import type { Transport } from './transport.js'

/** The subprotocol in which a frame holds one or more messages, one a line. */
export const NDJSON = 'roomcast.v1.ndjson'
const PLAIN = 'roomcast.v1'
const NDJSON_FRAME_BYTES_MAX = 1_048_576
const POLICY_VIOLATION = 1008
/** Chunks up to this size are copied to be written with their neighbours. */
const COPIED_BYTES_MAX = 4096

/** Parts of ws that its types leave out. Each is looked for before it is used. */
interface SocketInternals {
  readonly _socket?: Socket & {
    readonly _handle?: { readonly bytesWritten?: number; readonly writeQueueSize?: number } | null
  }
  readonly _sender?: { readonly _state?: number }
  readonly _receiver?: { _allowSynchronousEvents?: boolean }
  readonly _extensions?: Readonly<Record<string, unknown>>
}

/** No frame of ws itself is half on its way (lib/sender.js, `DEFAULT`). */
const SENDER_IDLE = 0

/** Which subprotocol to select of those offered; nothing else is ever echoed (protocol.md, section 2). */
export function selectSubprotocol(offered: ReadonlySet<string>): string | false {
  if (offered.has(NDJSON)) return NDJSON
  return offered.has(PLAIN) ? PLAIN : false
}

export function isSubprotocol(name: string): boolean {
  return name === PLAIN || name === NDJSON
}

/** Largest frame that a client may send in its subprotocol. */
export function frameBytesMax(subprotocol: string, messageBytesMax: number): number {
  return subprotocol === NDJSON ? Math.max(NDJSON_FRAME_BYTES_MAX, messageBytesMax) : messageBytesMax
}

/** A ws socket class whose limit on frames follows the subprotocol, before the first byte is read. */
export function limitedWebSocket(messageBytesMax: number): typeof WebSocket {
  return class LimitedWebSocket extends WebSocket {
    setSocket(socket: Socket, head: Buffer, options: object): void {
      const maxPayload = frameBytesMax(this.protocol, messageBytesMax)
      releaseWindows((this as unknown as SocketInternals)._extensions ?? {})
      // @ts-expect-error `setSocket` is not in the types; ws and @fastify/websocket call it on every server socket.
      super.setSocket(socket, head, { ...options, maxPayload, maxFragments: PIECES_MAX, maxBufferedChunks: PIECES_MAX })
      ownFragments(this)
    }

    override close(code?: number, data?: string | Buffer): void {
      // ws's own for too many pieces, which it gives no words: clients know the one for too large.
      const isOfPieces = code === POLICY_VIOLATION && data === undefined
      super.close(isOfPieces ? CloseCode.FrameTooLarge : code, data)
    }
  }
}

/**
 * The only place where messages leave. Ready-made frames go straight to the TCP socket; where ws's inside is not as
 * it was when this was written, each message goes through `send`.
 */
export class SocketTransport implements Transport {
  readonly #webSocket: WebSocket
  readonly #socket: SocketInternals['_socket']
  /** In which form its messages go onto the socket. */
  readonly #form: ChunkForm

  constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket
    this.#form = formOf(webSocket)
    this.#socket = (webSocket as unknown as SocketInternals)._socket
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  get drainedBytes(): number {
    // Node counts a write as one piece until all of it is taken; libuv knows how much it was given and still has.
    const { bytesWritten, writeQueueSize } = this.#socket?._handle ?? {}
    if (bytesWritten !== undefined && writeQueueSize !== undefined) return bytesWritten - writeQueueSize
    return (this.#socket?.bytesWritten ?? 0) - this.bufferedBytes
  }

  write(chunks: readonly Chunk[]): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return
    const socket = this.#rawSocket()
    if (socket === undefined) this.#send(chunks)
    else this.#writeRaw(socket, chunks)
  }

  ping({ frame, payload }: Ping): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return
    const socket = this.#rawSocket()
    if (socket === undefined) this.#webSocket.ping(payload)
    else socket.write(frame)
  }

  close(code: CloseCode, reason: string): void {
    this.#webSocket.close(code, reason)
  }

  cut(): void {
    this.#webSocket.terminate()
  }

  pause(): void {
    this.#webSocket.pause()
  }

  resume(): void {
    this.#webSocket.resume()
  }

  deferNext(deferred: boolean): void {
    const receiver = (this.#webSocket as unknown as SocketInternals)._receiver
    if (receiver?._allowSynchronousEvents !== undefined) receiver._allowSynchronousEvents = !deferred
  }

  onDrain(callback: () => void): void {
    this.#socket?.on('drain', callback)
  }

  #rawSocket(): SocketInternals['_socket'] {
    const sender = (this.#webSocket as unknown as SocketInternals)._sender
    return sender?._state === SENDER_IDLE ? this.#socket : undefined
  }

  #writeRaw(socket: Socket, chunks: readonly Chunk[]): void {
    const [only] = chunks
    if (only !== undefined && chunks.length === 1) {
      socket.write(only[this.#form])
      return
    }
    const pieces = piecesOf(chunks, this.#form)
    if (pieces.length > 1) socket.cork()
    for (const piece of pieces) socket.write(piece)
    if (pieces.length > 1) socket.uncork()
  }

  #send(chunks: readonly Chunk[]): void {
    const payloads = chunks.flatMap((chunk) => chunk.payloads)
    const joins = this.#webSocket.protocol === NDJSON
    for (const text of joins ? joinLines(payloads) : payloads) this.#webSocket.send(text, { binary: false })
  }
}

/** Small neighbours as one piece: a write of its own costs more than copying them. Large ones are shared as they are. */
function piecesOf(chunks: readonly Chunk[], form: ChunkForm): Buffer[] {
  const pieces: Buffer[] = []
  let small: Buffer[] = []
  for (const { [form]: bytes } of chunks) {
    if (bytes.length <= COPIED_BYTES_MAX) {
      small.push(bytes)
      continue
    }
    if (small.length > 0) pieces.push(joined(small))
    pieces.push(bytes)
    small = []
  }
  if (small.length > 0) pieces.push(joined(small))
  return pieces
}

function joined(pieces: Buffer[]): Buffer {
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
}

function formOf({ protocol, extensions }: WebSocket): ChunkForm {
  // Nothing but permessage-deflate is ever negotiated.
  const deflates = extensions !== ''
  if (protocol === NDJSON) return deflates ? 'deflatedJoinedFrames' : 'joinedFrames'
  return deflates ? 'deflatedFrames' : 'frames'
}
