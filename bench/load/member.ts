import type { Socket } from 'node:net'
import { encodePong, encodeText, Opcode } from './frames.js'
import { RawSocket } from './raw-socket.js'
import type { Seat, Step, Wire } from './wires.js'

const JOIN_TIMEOUT_MS = 30_000

export interface MemberOptions {
  readonly port: number
  readonly wire: Wire
  /** Absent for one who only publishes. */
  readonly seat?: Seat
  onCount?(count: number): void
  readonly onMessage?: ((payload: Buffer) => void) | undefined
  /** Text that is no message. */
  onText?(text: string): void
  onClose?(): void
}

/** A connection that is in its room, and stays alive as the server wants it. */
export class Member {
  readonly #options: MemberOptions
  readonly #socket: RawSocket
  readonly #steps: Step[]
  #onJoined: () => void = () => {}

  private constructor(options: MemberOptions, steps: readonly Step[]) {
    this.#options = options
    this.#steps = [...steps]
    const { port, wire, onMessage, onClose } = options
    this.#socket = new RawSocket({
      ...{ port, path: wire.path, mark: wire.mark, lines: wire.lines, onMessage },
      onCount: (count) => options.onCount?.(count),
      onOther: (opcode, payload) => this.#onOther(opcode, payload),
      ...(onClose !== undefined && { onClose })
    })
  }

  /** Resolves when the server has said that it is in; rejects where it refuses or takes too long. */
  static async join(options: MemberOptions): Promise<Member> {
    const { say, steps } = options.wire.opening(options.seat)
    const member = new Member(options, steps)
    const joined = new Promise<void>((resolve) => {
      member.#onJoined = resolve
    })
    await member.#socket.opened
    if (say !== undefined) member.say(say)
    if (member.#steps.length > 0) await inTime(joined)
    return member
  }

  say(text: string): void {
    this.#socket.write(encodeText(text))
  }

  /** Whole frames, made before. */
  write(frames: Buffer): void {
    this.#socket.write(frames)
  }

  /** For another process to go on with. Throws in the middle of a frame. */
  handOver(): Socket {
    return this.#socket.handOver()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  reset(): void {
    this.#socket.reset()
  }

  #onOther(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.ping) this.#socket.write(encodePong(payload))
    else if (opcode === Opcode.text) this.#onText(payload.toString())
  }

  #onText(text: string): void {
    this.#options.onText?.(text)
    const { ping } = this.#options.wire
    if (ping !== undefined && text === ping.text) this.say(ping.answer)
    const [step] = this.#steps
    if (step === undefined || !text.includes(step.heard)) return
    this.#steps.shift()
    if (step.say !== undefined) this.say(step.say)
    if (this.#steps.length === 0) this.#onJoined()
  }
}

async function inTime(joined: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('not in its room in time')), JOIN_TIMEOUT_MS)
  })
  await Promise.race([joined, late]).finally(() => clearTimeout(timer))
}
