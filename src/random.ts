import { randomFillSync, randomUUID } from 'node:crypto'
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

/** The system is asked for so many at once: for a few it takes as long. */
const POOL_BYTES = 8192
const UUID_BYTES = 16
/** Of a sequence number: its highest bit is left free to count in (RFC 9562, section 6.2). */
const SEQUENCE_MASK = 0x7fff_ffff

const pool = Buffer.alloc(POOL_BYTES)
let taken = POOL_BYTES

/** A copy: what is taken from the pool is nobody else's. */
function bytes(count: number): Buffer {
  if (count > POOL_BYTES) return randomFillSync(Buffer.alloc(count))
  if (taken + count > POOL_BYTES) {
    randomFillSync(pool)
    taken = 0
  }
  taken += count
  return Buffer.from(pool.subarray(taken - count, taken))
}

let latest = { msecs: Number.NEGATIVE_INFINITY, seq: 0 }

/** Those of one millisecond count up from a random number; a clock that is set back does not set them back. */
function timeUuid(nowMs: number): string {
  const random = bytes(UUID_BYTES)
  if (nowMs > latest.msecs) latest = { msecs: nowMs, seq: random.readUInt32BE(6) & SEQUENCE_MASK }
  else if (latest.seq < 0xffff_ffff) latest.seq++
  else latest = { msecs: latest.msecs + 1, seq: 0 }
  return uuidv7({ ...latest, random })
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  // By its own look at the time: a server's clocks in one process may differ, the order is one.
  timeUuid: () => timeUuid(Date.now()),
  bytes
}
