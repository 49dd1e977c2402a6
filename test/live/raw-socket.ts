import { randomBytes } from 'node:crypto'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import type { Message } from '../support/live-client.js'
import type { Scope } from '../support/scope.js'

export const Opcode = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 } as const

export interface FrameOptions {
  readonly opcode?: number
  readonly fin?: boolean
  /** Three bits. */
  readonly rsv?: number
  readonly masked?: boolean
}

/** A client's frame, right or wrong. */
export function frame(
  payload: string | Buffer,
  { opcode = Opcode.Text, fin = true, rsv = 0, masked = true }: FrameOptions = {}
): Buffer {
  const body = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  const mask = masked ? randomBytes(4) : Buffer.alloc(0)
  const sent = masked ? body.map((byte, index) => byte ^ (mask[index % 4] as number)) : body
  return Buffer.concat([Buffer.of(first), lengthOf(body.length, masked), mask, sent])
}

function lengthOf(length: number, masked: boolean): Buffer {
  const bit = masked ? 0x80 : 0
  if (length < 126) return Buffer.of(bit | length)
  if (length < 65_536) return Buffer.of(bit | 126, length >> 8, length & 255)
  const bytes = Buffer.alloc(9)
  bytes[0] = bit | 127
  bytes.writeBigUInt64BE(BigInt(length), 1)
  return bytes
}

/** What a server answers to a handshake. */
export interface Handshake {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Parsed, where it was refused. */
  readonly body: Message
  /** Where it was accepted. */
  readonly socket: Socket | undefined
  readonly head: Buffer
}

/** Asks for an upgrade as a browser or anybody else would; `url` is `http://…`. Ended with the test. */
export async function handshake(
  t: Scope,
  url: string,
  { path = '/ws', headers = {} }: { path?: string; headers?: Record<string, string> } = {}
): Promise<Handshake> {
  const asked = request(`${url}${path}`, {
    agent: false,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      ...headers
    }
  })
  asked.end()
  return await new Promise((resolve, reject) => {
    asked.on('error', reject)
    asked.on('upgrade', (response, socket, head) => {
      t.teardown(() => socket.destroy())
      resolve({ ...statusOf(response), body: {}, socket, head })
    })
    asked.on('response', async (response) => {
      const text = Buffer.concat(await response.toArray()).toString()
      resolve({ ...statusOf(response), body: parseOr(text), socket: undefined, head: Buffer.alloc(0) })
    })
  })
}

function statusOf({ statusCode = 0, headers }: IncomingMessage): { status: number; headers: IncomingHttpHeaders } {
  return { status: statusCode, headers }
}

function parseOr(text: string): Message {
  try {
    return JSON.parse(text)
  } catch {
    return { text }
  }
}

interface ServerFrame {
  readonly opcode: number
  readonly payload: Buffer
}

/** A client that does nothing by itself: it masks what it is told to send, and answers no ping. */
export class RawSocket {
  readonly socket: Socket
  readonly frames: ServerFrame[] = []
  ended = false
  #buffer = Buffer.alloc(0)

  constructor(socket: Socket, head: Buffer) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (bytes) => this.#onData(bytes))
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      this.ended = true
    })
    this.#onData(head)
  }

  /** Messages that came in. */
  get messages(): Message[] {
    return this.frames
      .filter(({ opcode }) => opcode === Opcode.Text)
      .map(({ payload }) => JSON.parse(payload.toString()))
  }

  /** The code that the server closed with; undefined where it has sent no close frame. */
  get closeCode(): number | undefined {
    const close = this.frames.find(({ opcode }) => opcode === Opcode.Close)
    return close && (close.payload.length >= 2 ? close.payload.readUInt16BE(0) : 1005)
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  send(message: object): void {
    this.write(frame(JSON.stringify(message)))
  }

  /** Resolves when the server has ended the connection. */
  async closed(): Promise<number | undefined> {
    // Not `once`, which rejects where the server resets the line.
    if (!this.ended) await new Promise((resolve) => this.socket.on('close', resolve))
    return this.closeCode
  }

  #onData(bytes: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes])
    for (;;) {
      const size = this.#frameSize()
      if (size === undefined || this.#buffer.length < size.header + size.payload) return
      const end = size.header + size.payload
      this.frames.push({ opcode: (this.#buffer[0] as number) & 15, payload: this.#buffer.subarray(size.header, end) })
      this.#buffer = this.#buffer.subarray(end)
    }
  }

  #frameSize(): { header: number; payload: number } | undefined {
    if (this.#buffer.length < 2) return undefined
    const short = (this.#buffer[1] as number) & 127
    if (short < 126) return { header: 2, payload: short }
    const header = short === 126 ? 4 : 10
    if (this.#buffer.length < header) return undefined
    const payload = short === 126 ? this.#buffer.readUInt16BE(2) : Number(this.#buffer.readBigUInt64BE(2))
    return { header, payload }
  }
}

/** A raw connection that the server has accepted. */
export async function openRaw(
  t: Scope,
  url: string,
  options: { path?: string; headers?: Record<string, string> } = {}
): Promise<RawSocket> {
  const { socket, head, status } = await handshake(t, url, options)
  if (socket === undefined) throw new Error(`refused: ${status}`)
  return new RawSocket(socket, head)
}
