const TEXT = 0x81
const OPCODE_BITS = 0x0f
const LENGTH_BITS = 0x7f
const NEWLINE = 0x0a
const nothing = Buffer.alloc(0)

/** Tells messages from all other text frames by one byte of the payload, so that no JSON is parsed. */
export interface Mark {
  readonly index: number
  readonly byte: number
}

export interface FrameEvents {
  readonly mark: Mark
  /** A frame may hold several texts, messages among them, one a line. */
  readonly lines?: boolean | undefined
  /** Payload of a message; without it messages are only counted. Good until it returns. */
  readonly onMessage?: ((payload: Buffer) => void) | undefined
  /** Every other frame: control, and text that is no message. The payload is good until it returns. */
  onOther(opcode: number, payload: Buffer): void
}

/** Counts the messages in the bytes that a server sent, however these were cut. */
export class FrameReader {
  readonly #events: FrameEvents
  /** The payload is looked at, not only jumped over. */
  readonly #wantsPayload: boolean
  /** Bytes of a message that are still to come and only to be jumped over. */
  #skip = 0
  /** The beginning of a frame that could not be told yet. */
  #rest: Buffer = nothing

  constructor(events: FrameEvents) {
    this.#events = events
    this.#wantsPayload = events.onMessage !== undefined || events.lines === true
  }

  get isBetweenFrames(): boolean {
    return this.#skip === 0 && this.#rest.length === 0
  }

  /** Reads the first `end` bytes, which may change afterwards. Gives the number of messages that became complete. */
  read(bytes: Buffer, end: number): number {
    if (this.#skip > end) {
      this.#skip -= end
      return 0
    }
    const count = this.#skip > 0 ? 1 : 0
    const from = this.#skip
    this.#skip = 0
    if (this.#rest.length === 0) return count + this.#readFrames(bytes, from, end)
    const joined = Buffer.concat([this.#rest, bytes.subarray(0, end)])
    this.#rest = nothing
    return count + this.#readFrames(joined, from, joined.length)
  }

  #readFrames(bytes: Buffer, from: number, end: number): number {
    const { index, byte } = this.#events.mark
    let [at, count] = [from, 0]
    while (end - at >= 2) {
      const short = (bytes[at + 1] ?? 0) & LENGTH_BITS
      const payload = at + (short < 126 ? 2 : short === 126 ? 4 : 10)
      if (payload > end) break
      const length = short < 126 ? short : lengthAt(bytes, at + 2, payload)
      const isLong = length > index
      if (isLong && payload + index >= end) break
      const next = payload + length
      const isMessage = isLong && bytes[at] === TEXT && bytes[payload + index] === byte
      if (next > end) {
        if (!isMessage || this.#wantsPayload) break
        this.#skip = next - end
        return count
      }
      if (this.#events.lines === true && bytes[at] === TEXT) count += this.#readLines(bytes.subarray(payload, next))
      else if (!isMessage) this.#events.onOther((bytes[at] ?? 0) & OPCODE_BITS, bytes.subarray(payload, next))
      else count += this.#wantsPayload ? this.#tell(bytes.subarray(payload, next)) : 1
      at = next
    }
    if (at < end) this.#rest = Buffer.from(bytes.subarray(at, end))
    return count
  }

  /** Each line on its own. Gives the number of messages among them. */
  #readLines(payload: Buffer): number {
    const { index, byte } = this.#events.mark
    let [from, count] = [0, 0]
    while (from < payload.length) {
      const newline = payload.indexOf(NEWLINE, from)
      const line = payload.subarray(from, newline === -1 ? payload.length : newline)
      if (line[index] === byte) count += this.#tell(line)
      else this.#events.onOther(TEXT & OPCODE_BITS, line)
      from += line.length + 1
    }
    return count
  }

  #tell(payload: Buffer): number {
    this.#events.onMessage?.(payload)
    return 1
  }
}

function lengthAt(bytes: Buffer, at: number, payload: number): number {
  return payload - at === 2 ? bytes.readUInt16BE(at) : Number(bytes.readBigUInt64BE(at))
}
