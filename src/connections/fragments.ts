/** What of ws puts a message together; its types leave it out. Each part is looked for before it is used. */
interface Receiver {
  /** The fragment that came last is the last one of its message. */
  readonly _fin?: boolean
  _fragments?: Buffer[]
  dataMessage?: (done: (error?: Error) => void) => void
}

/** Fragments of a message, and pieces in which one frame may come: in 64 bytes each, the largest frame still fits. */
export const PIECES_MAX = 16_384

/**
 * ws keeps each fragment as a part of the piece that came from the socket: a single byte held 64 KB of whatever came with
 * it, and thousands of them a gigabyte. Lets go of what belongs to no message. `webSocket` has its socket.
 */
export function ownFragments(webSocket: object): void {
  const { _receiver: receiver } = webSocket as { readonly _receiver?: Receiver }
  // One function for all: a connection has none of its own.
  if (typeof receiver?.dataMessage === 'function') receiver.dataMessage = dataMessage
}

function dataMessage(this: Receiver, done: (error?: Error) => void): void {
  if (this._fin === false && this._fragments !== undefined) ownLast(this._fragments)
  const { dataMessage: original }: Receiver = Object.getPrototypeOf(this)
  original?.call(this, done)
}

function ownLast(fragments: Buffer[]): void {
  const last = fragments.at(-1)
  if (last === undefined || last.buffer.byteLength <= 2 * last.length) return
  // Not pooled: a part of the pool would hold the whole of it.
  const own = Buffer.allocUnsafeSlow(last.length)
  last.copy(own)
  fragments[fragments.length - 1] = own
}
