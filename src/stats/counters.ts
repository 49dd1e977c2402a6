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
  /** Tasks in the background that failed. */
  failures = 0
}
