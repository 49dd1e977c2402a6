/** Why a handshake was refused: what the client is not allowed, or what the node cannot take. */
export const handshakeRefusals = ['origin', 'id', 'draining', 'limit', 'budget'] as const
export type HandshakeRefusal = (typeof handshakeRefusals)[number]

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
  readonly refusedHandshakes: Record<HandshakeRefusal, number> = { origin: 0, id: 0, draining: 0, limit: 0, budget: 0 }
  /** Tasks in the background that failed. */
  failures = 0
}
