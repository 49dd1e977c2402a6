/** Why a handshake was refused: what the client is not allowed, or what the node cannot take. */
export type HandshakeRefusal = 'origin' | 'token' | 'id' | 'draining' | 'store' | 'limit' | 'rate' | 'budget'

/** What happened on this node since it began. Only ever grows. */
export class Counters {
  /** Messages that were stored. */
  messages = 0
  /** Messages handed to connections. */
  deliveries = 0
  /** Signals that a connection did not get because it lagged. */
  droppedSignals = 0
  /** Connections that were taken in. */
  connections = 0
  /** Connections that were closed because their token was revoked. */
  revokedConnections = 0
  readonly refusedHandshakes: Record<HandshakeRefusal, number> = {
    origin: 0,
    token: 0,
    id: 0,
    draining: 0,
    store: 0,
    limit: 0,
    rate: 0,
    budget: 0
  }
  /** Publishes that the store did not take, by what is known of them. */
  readonly refusedPublishes = { notAsked: 0, unknown: 0 }
  /** Times that the log of a channel was read, whoever asked for it. */
  historyReads = 0
  /** Times that something was read which did not come by itself. */
  repairs = 0
  /** Losses that receivers were told of. */
  readonly losses = { gap: 0, reset: 0 }
  /** Times that a subscription heard nothing though its connection answered. */
  deafSubscriptions = 0
  /** Times that the store went away. */
  storeOutages = 0
  /** Times that the node was whole again, and how long that took in all, in milliseconds. */
  recoveries = 0
  recoveryMs = 0
  /** Times that the store had or sent something that no node has written. */
  malformedRecords = 0
  /** Tasks in the background that failed. */
  failures = 0
}
