import { withPosition } from '../protocol/pushes.js'
import type { Position, StoredMessage } from '../store/streams.js'

/** A message of a channel as its receivers on this node get it. */
export interface Publication {
  readonly epoch: string
  readonly offset: number
  readonly messageId: string
  /** Milliseconds since 1970, given by the publisher. */
  readonly timestamp: number
  readonly exclude: readonly string[]
  /** Complete, with its position. One buffer for all receivers. */
  readonly payload: Buffer
}

export function publicationOf({ epoch, offset, messageId, timestamp, exclude, encoded }: StoredMessage): Publication {
  return { epoch, offset, messageId, timestamp, exclude, payload: withPosition(encoded, epoch, offset) }
}

export function positionOf({ epoch, offset, messageId }: Publication): Position {
  return { epoch, offset, messageId }
}
