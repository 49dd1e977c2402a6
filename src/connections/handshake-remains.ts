import type { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Parts of Node that its types leave out. Each is looked for before it is used. */
interface Upgraded {
  /** The answer to the request with which the socket began. */
  _httpMessage?: Partial<ServerResponse> | null
}

/**
 * Lets go of the HTTP request that a WebSocket began with, and of the answer that it never got: the socket of an
 * upgraded request keeps both, and so does the listener for errors that @fastify/websocket adds, for as long as the
 * connection lasts. ws closes a WebSocket that has an error by itself, with the code that says why; the `close` event
 * follows.
 */
export function releaseHandshake(webSocket: EventEmitter, socket: Socket): void {
  webSocket.removeAllListeners('error')
  webSocket.on('error', ignore)
  const response = (socket as Upgraded)._httpMessage
  response?.detachSocket?.(socket)
}

/** An `error` without a listener would be thrown. */
function ignore(): void {}
