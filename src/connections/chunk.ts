const LINE_FEED = Buffer.from('\n')
const TEXT_FRAME = 0x81
/** A frame of `roomcast.v1.ndjson` may have 1 MiB; joined ones stay well below. */
const JOINED_BYTES_MAX = 262_144

/**
 * Messages that go to a connection together. One chunk serves all its receivers: what goes onto their sockets is
 * built once for each form of the wire, when the first of them needs it.
 */
export class Chunk {
  readonly payloads: readonly Buffer[]
  /** Of the payloads; frames add a few bytes each. */
  readonly bytes: number
  #frames: Buffer | undefined
  #joinedFrames: Buffer | undefined

  constructor(payloads: readonly Buffer[]) {
    this.payloads = payloads
    this.bytes = payloads.reduce((bytes, payload) => bytes + payload.length, 0)
  }

  /** One WebSocket text frame for each message. */
  get frames(): Buffer {
    this.#frames ??= Buffer.concat(this.payloads.flatMap((payload) => [frameHeader(payload.length), payload]))
    return this.#frames
  }

  /** As few frames as the size allows, one message a line. */
  get joinedFrames(): Buffer {
    this.#joinedFrames ??= Buffer.concat(joinLines(this.payloads).flatMap((text) => [frameHeader(text.length), text]))
    return this.#joinedFrames
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

/** Header of an unmasked, unfragmented text frame (RFC 6455, section 5.2). */
function frameHeader(length: number): Buffer {
  if (length < 126) return Buffer.from([TEXT_FRAME, length])
  if (length < 65_536) return Buffer.from([TEXT_FRAME, 126, length >> 8, length & 255])
  const header = Buffer.alloc(10)
  header[0] = TEXT_FRAME
  header[1] = 127
  header.writeBigUInt64BE(BigInt(length), 2)
  return header
}
