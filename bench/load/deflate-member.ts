import { encodeDeflatedText, encodePong, encodeText, Opcode } from './frames.js'
import { RawSocket } from './raw-socket.js'
import { type Seat, type Step, wires } from './wires.js'

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
  readonly #socket: RawSocket
  readonly #steps: Step[]
  #onJoined: () => void = () => {}

  private constructor(options: DeflateMemberOptions) {
    const { port, deflates, onClose } = options
    const { path, mark, opening } = wires.roomcast
    this.#options = options
    this.#steps = [...opening(options.seat).steps]
    this.#socket = new RawSocket({
      ...{ port, path, mark, deflates, onCount: () => {}, ...(onClose !== undefined && { onClose }) },
      onMessage: ({ length }) => this.#onMessage(length),
      onOther: (opcode, payload) => this.#onOther(opcode, payload)
    })
  }

  /** Resolves when the server has said that it is in; rejects where it refuses, or does not take the offer. */
  static async join(options: DeflateMemberOptions): Promise<DeflateMember> {
    const member = new DeflateMember(options)
    const joined = new Promise<void>((resolve) => {
      member.#onJoined = resolve
    })
    await member.#socket.opened
    await joined
    return member
  }

  say(text: string): void {
    this.#socket.write(this.#options.deflates ? encodeDeflatedText(text) : encodeText(text))
  }

  destroy(): void {
    this.#socket.destroy()
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
