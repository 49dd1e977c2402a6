import type { ConnectionEnd } from './events.js'

/** What the client uses of a WebSocket: that of browsers, of Node 22, or of `ws`. */
export interface WebSocketLike {
  readonly readyState: number
  send(data: string): void
  close(code?: number, reason?: string): void
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike

const SUBPROTOCOL = 'roomcast.v1'
const OPEN = 1
const CLOSED_ABNORMALLY = 1006

export interface SocketHandlers {
  readonly onFrame: (data: unknown) => void
  /** Once, also where it never opened. */
  readonly onClose: (end: ConnectionEnd) => void
}

/** The parts of the events of a WebSocket that are looked at. */
interface SocketEvent {
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
  /** Of `ws`; browsers do not say what went wrong. */
  readonly error?: unknown
}

interface SocketEvents {
  addEventListener(type: 'message' | 'close' | 'error', listener: (event: SocketEvent) => void): void
}

/** Opens a socket. Throws where the address is none. */
export function openSocket(
  url: string,
  WebSocket: WebSocketConstructor,
  { onFrame, onClose }: SocketHandlers
): WebSocketLike {
  const socket = new WebSocket(url, [SUBPROTOCOL]) as WebSocketLike & SocketEvents
  let failure: Error | undefined
  socket.addEventListener('message', ({ data }) => onFrame(data))
  socket.addEventListener('error', ({ error }) => {
    if (error instanceof Error) failure = error
  })
  socket.addEventListener('close', ({ code = CLOSED_ABNORMALLY, reason = '' }) =>
    onClose({ code, reason, error: failure })
  )
  return socket
}

export function isOpen({ readyState }: WebSocketLike): boolean {
  return readyState === OPEN
}
