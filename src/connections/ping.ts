/** Of an unmasked, unfragmented ping (RFC 6455, section 5.5.2). */
const PING_FRAME = 0x89

/** One ping for all connections that are due at a moment: what goes onto their sockets is built once. */
export class Ping {
  /** What a pong of it says, as text. Grows from ping to ping. */
  readonly serial: number
  readonly payload: Buffer
  readonly frame: Buffer

  constructor(serial: number) {
    this.serial = serial
    this.payload = Buffer.from(String(serial))
    this.frame = Buffer.from([PING_FRAME, this.payload.length, ...this.payload])
  }
}
