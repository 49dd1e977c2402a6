import { constants, deflateRawSync } from 'node:zlib'

/** What every deflated message ends with, and none is sent with (RFC 7692, section 7.2.1). */
const TAIL_BYTES = 4
/** Messages below gain little: their frames are larger by what deflating costs. */
const DEFLATED_BYTES_MIN = 1024

const deflated = new WeakMap<Buffer, Buffer>()

/** Whether a message is worth it. */
export function isDeflatable({ length }: Buffer): boolean {
  return length > DEFLATED_BYTES_MIN
}

/** A message as permessage-deflate sends it; deflated once, however many connections it goes to. */
export function deflate(message: Buffer): Buffer {
  const known = deflated.get(message)
  if (known !== undefined) return known
  const bytes = deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH })
  const sent = bytes.subarray(0, bytes.length - TAIL_BYTES)
  deflated.set(message, sent)
  return sent
}
