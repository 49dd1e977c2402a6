import { randomBytes, randomUUID } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

/** Chance as the server sees it; a simulation puts numbers of a seed in its place. */
export interface Random {
  /** A UUID that nobody can guess. */
  uuid(): string
  /** A UUID that is greater than those before it, with the time in milliseconds since 1970 in it (version 7). */
  timeUuid(nowMs: number): string
  /** Bytes that nobody can guess. */
  bytes(count: number): Buffer
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  // By the library's own look at the time: only so do those of one millisecond stand in the order they were made in.
  timeUuid: () => uuidv7(),
  bytes: (count) => randomBytes(count)
}
