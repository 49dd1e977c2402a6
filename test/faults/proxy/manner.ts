/** How one direction of a connection behaves. Without any of them everything passes at once. */
export interface Manner {
  /** Nothing goes through and the connection stays; what was sent meanwhile follows later, as TCP would have it. */
  readonly hold?: boolean
  readonly delayMs?: number
  /** Added to the delay, from 0 up to this. The order is kept. */
  readonly jitterMs?: number
  /** At most so many bytes in one write. */
  readonly sliceBytes?: number
  readonly bytesPerSecond?: number
  /** Both ends are reset once so many more bytes have passed. */
  readonly cutAfterBytes?: number
  /** Only on the way down from Redis: answers, whole ones, that are dropped. */
  readonly swallow?: (frame: Buffer) => boolean
  /** Everything that comes is dropped. */
  readonly dropAll?: boolean
}

/** Of both directions; `up` leads to the server that is asked. */
export interface Behaviour {
  readonly up?: Manner
  readonly down?: Manner
}

/** Open, and silent in both directions. */
export const blackHole: Behaviour = { up: { hold: true }, down: { hold: true } }
