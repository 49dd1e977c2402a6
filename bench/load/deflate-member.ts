import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { FrameReader } from './frame-reader.js'
import { encodeDeflatedText, encodePong, encodeText, Opcode } from './frames.js'
import { type Seat, type Step, wires } from './wires.js'

/** All sockets of a process read into the same memory, one after the other. */
const READ_BYTES = 262_144
const shared = Buffer.allocUnsafe(READ_BYTES)
const HEAD_END = '\r\n\r\n'
/** As browsers offer it. */
const OFFER = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'
const SHORT_PAYLOAD_MAX = 125
/** What every text of Roomcast begins with; no deflated one does: its first block is not the last (RFC 7692, 7.2.1). */
const BRACE = '{'.charCodeAt(0)

export interface DeflateMemberOptions {
  readonly port: number
  /** Absent for one who only publishes. */
  readonly seat?: Seat
  /** Offers permessage-deflate, which the server has to take, and deflates what it says. */
  readonly deflates: boolean
  /** A message came; `bytes` on the wire, with the header of its frame. */
  onMessage?(bytes: number): void
  onClose?(): void
}

/** A member of a room of Roomcast that counts messages, deflated or not, and inflates none. */
export class DeflateMember {
  readonly #options: DeflateMemberOptions
  readonly #socket: net.Socket
  readonly #reader: FrameReader
  readonly #steps: Step[]
  /** The answer to the handshake as far as it came; undefined once the WebSocket is open. */
  #head: Buffer | undefined = Buffer.alloc(0)
  #onJoined: () => void = () => {}
  #onRefusal: (error: Error) => void = () => {}
  readonly #joined = new Promise<void>((resolve, reject) => {
    this.#onJoined = resolve
    this.#onRefusal = reject
  })

  private constructor(options: DeflateMemberOptions) {
    this.#options = options
    this.#steps = [...wires.roomcast.opening(options.seat).steps]
    this.#reader = new FrameReader({
      mark: wires.roomcast.mark,
      onMessage: ({ length }) => this.#onMessage(length),
      onOther: (opcode, payload) => this.#onOther(opcode, payload)
    })
    this.#socket = net.connect({
      ...{ host: '127.0.0.1', port: options.port, noDelay: true },
      onread: { buffer: shared, callback: (length, bytes) => this.#onRead((bytes as Buffer).subarray(0, length)) }
    })
    this.#socket.on('error', (error) => this.#onRefusal(error))
    this.#socket.on('close', () => {
      this.#onRefusal(new Error('the connection ended'))
      options.onClose?.()
    })
    this.#socket.write(handshake(options))
  }

  /** Resolves when the server has said that it is in; rejects where it refuses, or does not take the offer. */
  static async join(options: DeflateMemberOptions): Promise<DeflateMember> {
    const member = new DeflateMember(options)
    await member.#joined
    return member
  }

  say(text: string): void {
    this.#socket.write(this.#options.deflates ? encodeDeflatedText(text) : encodeText(text))
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #onRead(bytes: Buffer): boolean {
    if (this.#head === undefined) this.#reader.read(bytes, bytes.length)
    else this.#readHead(Buffer.concat([this.#head, bytes]))
    return true
  }

  #readHead(bytes: Buffer): void {
    this.#head = bytes
    const end = bytes.indexOf(HEAD_END)
    if (end === -1) return
    const head = bytes.toString('latin1', 0, end)
    if (!head.startsWith('HTTP/1.1 101') || /permessage-deflate/.test(head) !== this.#options.deflates) {
      this.#onRefusal(new Error(`not as it was offered: ${head}`))
      this.#socket.destroy()
      return
    }
    this.#head = undefined
    this.#onRead(bytes.subarray(end + HEAD_END.length))
  }

  #onOther(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.ping) this.#socket.write(encodePong(payload))
    if (opcode !== Opcode.text) return
    if (payload[0] === BRACE) this.#onText(payload.toString())
    else this.#onMessage(payload.length)
  }

  #onMessage(payloadBytes: number): void {
    this.#options.onMessage?.(payloadBytes + (payloadBytes > SHORT_PAYLOAD_MAX ? 4 : 2))
  }

  #onText(text: string): void {
    const [step] = this.#steps
    if (step === undefined || !text.includes(step.heard)) return
    this.#steps.shift()
    if (step.say !== undefined) this.say(step.say)
    if (this.#steps.length === 0) this.#onJoined()
  }
}

function handshake({ port, deflates }: DeflateMemberOptions): string {
  const lines = [
    `GET ${wires.roomcast.path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    ...(deflates ? [OFFER] : [])
  ]
  return lines.join('\r\n') + HEAD_END
}
