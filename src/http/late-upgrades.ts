import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Parts of Node that its types leave out. */
interface Answering {
  /** The answer that is under way. */
  readonly _httpMessage?: ServerResponse | null
}

/**
 * Ends a connection that asks for an upgrade before the request in front of it was answered: nobody reads from its socket
 * any more, and nobody would ever end it. Call before others listen for upgrades.
 */
export function endLateUpgrades(server: Server): void {
  server.on('upgrade', (_request: IncomingMessage, socket: Socket & Answering) => {
    socket._httpMessage?.once('finish', () => socket.destroySoon())
  })
}
