import { deflate, isDeflatable } from './deflate.js'

const LINE_FEED = Buffer.from('\n')
const TEXT_FRAME = 0x81
/** Of a message that permessage-deflate was used on (RFC 7692, section 6). */
const DEFLATED_TEXT_FRAME = 0xc1
/** A frame of `roomcast.v1.ndjson` may have 1 MiB; joined ones stay well below. */
const JOINED_BYTES_MAX = 262_144

/** How messages go onto a socket: as its client asked for in the handshake. */
export type ChunkForm = 'frames' | 'deflatedFrames' | 'joinedFrames' | 'deflatedJoinedFrames'

/**
 * Messages that go to a connection together. One chunk serves all its receivers: what goes onto their sockets is
 * built once for each form of the wire, when the first of them needs it.
 */
export class Chunk {
  readonly payloads: readonly Buffer[]
  /** Of the payloads; frames add a few bytes each. */
  readonly bytes: number
  readonly #shared: boolean
  #frames: Buffer | undefined
  #deflatedFrames: Buffer | undefined
  #joinedFrames: Buffer | undefined
  #deflatedJoinedFrames: Buffer | undefined

  /** `shared`: for many receivers, so that deflating it as a whole is worth it. */
  constructor(payloads: readonly Buffer[], { shared = false } = {}) {
    this.payloads = payloads
    this.#shared = shared
    this.bytes = payloads.reduce((bytes, payload) => bytes + payload.length, 0)
  }

  /** One WebSocket text frame for each message. */
  get frames(): Buffer {
    this.#frames ??= framesOf(this.payloads)
    return this.#frames
  }

  /** The same for connections with permessage-deflate: what is large is deflated. */
  get deflatedFrames(): Buffer {
    this.#deflatedFrames ??= framesOf(this.payloads, isDeflatable)
    return this.#deflatedFrames
  }

  /** As few frames as the size allows, one message a line. */
  get joinedFrames(): Buffer {
    this.#joinedFrames ??= framesOf(joinLines(this.payloads))
    return this.#joinedFrames
  }

  /** The same for connections with permessage-deflate: what is joined for many, or large, is deflated. */
  get deflatedJoinedFrames(): Buffer {
    if (this.payloads.length === 1) return this.deflatedFrames
    this.#deflatedJoinedFrames ??= this.#shared ? framesOf(joinLines(this.payloads), () => true) : this.joinedFrames
    return this.#deflatedJoinedFrames
  }
}

/** Groups messages into texts of one message a line; a message that is larger than that stays alone. */
export function joinLines(payloads: readonly Buffer[]): Buffer[] {
  const texts: Buffer[] = []
  let lines: Buffer[] = []
  let bytes = 0
  for (const payload of payloads) {
    if (bytes > 0 && bytes + payload.length > JOINED_BYTES_MAX) {
      texts.push(Buffer.concat(lines))
      lines = []
      bytes = 0
    }
    if (lines.length > 0) lines.push(LINE_FEED)
    lines.push(payload)
    bytes += payload.length + 1
  }
  if (lines.length > 0) texts.push(Buffer.concat(lines))
  return texts
}

/** Each text as a frame of its own, deflated where that is worth it. */
function framesOf(texts: readonly Buffer[], isWorthIt?: (text: Buffer) => boolean): Buffer {
  const bodies = isWorthIt === undefined ? texts : texts.map((text) => (isWorthIt(text) ? deflate(text) : text))
  const bytes = bodies.reduce((sum, { length }) => sum + headerBytes(length) + length, 0)
  const frames = Buffer.allocUnsafe(bytes)
  let end = 0
  for (const [index, body] of bodies.entries()) {
    end = writeHeader(frames, end, body === texts[index] ? TEXT_FRAME : DEFLATED_TEXT_FRAME, body.length)
    end += body.copy(frames, end)
  }
  return frames
}

function headerBytes(length: number): number {
  if (length < 126) return 2
  return length < 65_536 ? 4 : 10
}

/** Header of an unmasked, unfragmented frame (RFC 6455, section 5.2). Returns where it ends. */
function writeHeader(target: Buffer, start: number, first: number, length: number): number {
  target[start] = first
  if (length < 126) return target.writeUInt8(length, start + 1)
  if (length < 65_536) {
    target[start + 1] = 126
    return target.writeUInt16BE(length, start + 2)
  }
  target[start + 1] = 127
  return target.writeBigUInt64BE(BigInt(length), start + 2)
}
