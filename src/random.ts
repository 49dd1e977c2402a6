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

/** What is taken from the pool is nobody else's. */
function fill(target: Buffer): Buffer {
  const count = target.length
  if (count > POOL_BYTES) return randomFillSync(target)
  if (taken + count > POOL_BYTES) {
    randomFillSync(pool)
    taken = 0
  }
  pool.copy(target, 0, taken, taken + count)
  taken += count
  return target
}

const latest = { msecs: Number.NEGATIVE_INFINITY, seq: 0, random: Buffer.alloc(UUID_BYTES) }
const uuid = Buffer.alloc(UUID_BYTES)
const uuidText = Buffer.from('00000000-0000-0000-0000-000000000000')
const HEX_DIGITS = Buffer.from('0123456789abcdef')
const HYPHEN = '-'.charCodeAt(0)

/** Those of one millisecond count up from a random number; a clock that is set back does not set them back. */
function timeUuid(nowMs: number): string {
  fill(latest.random)
  if (nowMs > latest.msecs) {
    latest.msecs = nowMs
    latest.seq = latest.random.readUInt32BE(6) & SEQUENCE_MASK
  } else if (latest.seq < 0xffff_ffff) {
    latest.seq++
  } else {
    latest.msecs++
    latest.seq = 0
  }
  return textOf(uuidv7(latest, uuid))
}

/** A fifth of the time that the package's own takes, which puts it together from 20 strings. */
function textOf(bytes: Uint8Array): string {
  let at = 0
  for (const byte of bytes) {
    if (uuidText[at] === HYPHEN) at++
    uuidText[at++] = HEX_DIGITS[byte >> 4] as number
    uuidText[at++] = HEX_DIGITS[byte & 15] as number
  }
  return uuidText.toString('latin1')
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  // By its own look at the time: a server's clocks in one process may differ, the order is one.
  timeUuid: () => timeUuid(Date.now()),
  bytes: (count) => fill(Buffer.alloc(count))
}
