import { randomBytes, randomUUID } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

/** Chance as the server sees it; a simulation puts numbers of a seed in its place. */
export interface Random {
  /** A UUID that nobody can guess. */
  uuid(): string
  /** A UUID with the time in it, in milliseconds since 1970 (version 7). */
  timeUuid(nowMs: number): string
  /** Bytes that nobody can guess. */
  bytes(count: number): Buffer
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  timeUuid: (nowMs) => uuidv7({ msecs: nowMs }),
  bytes: (count) => randomBytes(count)
}
