import type { Durability } from '../protocol/values.js'
import type { Cursors } from './cursors.js'
import type { Groups } from './groups.js'
import type { IngestLog } from './ingest-log.js'
import type { Nodes } from './nodes.js'
import type { Presence } from './presence.js'
import type { PubSub } from './pub-sub.js'
import type { Removals } from './removals.js'
import type { Revocations } from './revocations.js'
import type { Sessions } from './sessions.js'
import type { Streams } from './streams.js'

/** The store cannot be opened; its message is one line for the operator. */
export class StoreOpenError extends Error {}

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string }

/** What a store tells of itself. Handlers must not throw. */
export interface StoreListener {
  /**
   * It serves: the node has to enter it, anew where it did before. What was missed, or lost by the store, in the meantime
   * is for the node to put right.
   */
  onUp(): void
  /** It does not; what is asked is refused until it does, or fails in time. Told again where the reason changes. */
  onDown(reason: string): void
}

/** Everything that lies outside the connections of this node. */
export interface Store {
  /** One line for people: which store, and where. Holds no credentials. */
  readonly description: string
  /** What an acknowledgement of this store is worth. */
  readonly durable: Durability
  readonly streams: Streams
  readonly presence: Presence
  readonly nodes: Nodes
  readonly cursors: Cursors
  readonly sessions: Sessions
  readonly groups: Groups
  readonly removals: Removals
  readonly revocations: Revocations
  readonly pubSub: PubSub
  /** Undefined where no other program could write to it: a store within the process. */
  readonly ingest: IngestLog | undefined
  /** Whether the store can keep its promises now. Answers at once, from what is known. */
  readiness(): Readiness
  /** Begins to tell whether it serves: at once, and whenever that changes. Call once. */
  start(listener: StoreListener): void
  /** Waits for what is under way, then lets go of everything. Idempotent. */
  close(): Promise<void>
}
