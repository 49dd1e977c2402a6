import * as ws from 'ws'

/** Parts of ws that its types leave out. */
interface Negotiation {
  readonly extension: { parse(header: string): Record<string, object[] | undefined> }
  readonly PerMessageDeflate: new (options: object) => { accept(offers: object[]): unknown }
}

const EXTENSION = 'permessage-deflate'

/**
 * Nothing is kept from one message to the next, on neither side: so one deflated frame is good for all receivers. They have
 * to take the whole window of it.
 */
export const deflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15
} as const

/**
 * Whether one of the offers in `Sec-WebSocket-Extensions` can be taken. ws refuses the handshake where none can, and RFC
 * 7692, section 5, goes on without compression.
 */
export function canTakeOffer(header: string): boolean {
  const { extension, PerMessageDeflate } = ws as unknown as Negotiation
  try {
    const offers = extension.parse(header)[EXTENSION]
    if (offers === undefined) return false
    new PerMessageDeflate({ ...deflateOptions, isServer: true }).accept(offers)
    return true
  } catch {
    return false
  }
}

/** Of a socket of ws: what inflates its messages. */
interface Inflating {
  _inflate?: { close(): void } | null
  decompress(data: Buffer, fin: boolean, done: (error: Error | null, message?: Buffer) => void): void
}

/**
 * Lets go of the window, some 40 KB, after each message that was inflated: ws keeps it for the life of the connection.
 * `extensions` are the negotiated ones of a socket of ws.
 */
export function releaseWindows(extensions: Readonly<Record<string, unknown>>): void {
  const inflating = extensions[EXTENSION] as Inflating | undefined
  if (typeof inflating?.decompress !== 'function') return
  const decompress = inflating.decompress.bind(inflating)
  inflating.decompress = (data, fin, done) =>
    decompress(data, fin, (error, message) => {
      if (fin) {
        inflating._inflate?.close()
        inflating._inflate = null
      }
      done(error, message)
    })
}
