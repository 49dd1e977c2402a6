import { type Clock, systemClock } from './clock.js'
import { checkId, checkUserId } from './ids.js'
import type { Token } from './session.js'
import type { WebSocketConstructor } from './socket.js'

export interface ClientOptions {
  /** Of the server's `/ws`, as `ws:`, `wss:`, `http:` or `https:`; in a page it may be relative to the page. */
  readonly url: string | URL
  /** Who one is, where the server asks for no token. Without it one is anonymous. */
  readonly userId?: string | undefined
  /** What the inbox and the groups remember their cursors by; `default` where it is absent. */
  readonly deviceId?: string | undefined
  /** A token, or a function that gives a fresh one; it is asked for every connection and before the token expires. */
  readonly token?: Token | undefined
  /** Where the runtime has none, as Node 20: that of `ws`. */
  readonly WebSocket?: WebSocketConstructor | undefined
  /** Who acknowledges messages of the inbox and the groups: the client after the listeners, or the application. */
  readonly acknowledge?: 'auto' | 'manual' | undefined
  /** Requests that may wait; beyond, they are rejected with `queue_full`. 1,000 by default. */
  readonly pendingMax?: number | undefined
  /** How long a publish is tried, in milliseconds; 60,000 by default. */
  readonly publishTimeoutMs?: number | undefined
  /** The same for what is read, in milliseconds; 30,000 by default. */
  readonly requestTimeoutMs?: number | undefined
  /** How long the server may take to say anything on a new connection, in milliseconds; 20,000 by default. */
  readonly welcomeTimeoutMs?: number | undefined
  /** Numbers from 0 up to, not including, 1. */
  readonly random?: (() => number) | undefined
  readonly clock?: Clock | undefined
}

export interface Settings {
  readonly url: string
  readonly token: Token | undefined
  readonly WebSocket: WebSocketConstructor
  readonly acknowledge: 'auto' | 'manual'
  readonly pendingMax: number
  readonly publishTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly welcomeTimeoutMs: number
  readonly random: () => number
  readonly clock: Clock
}

/** Throws `invalid_id`, or a `TypeError` for what cannot work at all. */
export function settingsOf(options: ClientOptions): Settings {
  const { WebSocket = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket } = options
  if (WebSocket === undefined) throw new TypeError('This runtime has no WebSocket: give one, as that of the package ws')
  return {
    url: addressOf(options),
    WebSocket,
    token: options.token,
    acknowledge: options.acknowledge ?? 'auto',
    pendingMax: options.pendingMax ?? 1000,
    publishTimeoutMs: options.publishTimeoutMs ?? 60_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    welcomeTimeoutMs: options.welcomeTimeoutMs ?? 20_000,
    random: options.random ?? Math.random,
    clock: options.clock ?? systemClock
  }
}

function addressOf({ url, userId, deviceId }: ClientOptions): string {
  const { location } = globalThis as { location?: { readonly href: string } }
  const address = new URL(url, location?.href)
  address.protocol = address.protocol.replace(/^http/, 'ws')
  if (userId !== undefined) {
    checkUserId(userId)
    address.searchParams.set('user_id', userId)
  }
  if (deviceId !== undefined) {
    checkId('deviceId', deviceId)
    address.searchParams.set('device_id', deviceId)
  }
  return address.href
}
