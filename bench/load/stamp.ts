/** Begins a stamp; stands nowhere else in a message. */
const SIGN = 0x40
const DIGITS = 13
const ZERO = 0x30
/** Stands for a stamp in a message that is to be sent many times. */
export const STAMP_PLACE = `@${'0'.repeat(DIGITS)}`

/** Microseconds of the machine's monotonic clock, which all of its processes share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** Where the digits of the stamp begin. Throws where there is none. */
export function stampIndex(frame: Buffer): number {
  const sign = frame.indexOf(SIGN)
  if (sign === -1) throw new Error('a message without a stamp')
  return sign + 1
}

export function writeStamp(frame: Buffer, index: number, timeUs: number): void {
  frame.write(String(timeUs).padStart(DIGITS, '0'), index, DIGITS, 'latin1')
}

/** The stamp of a message that was received; NaN where it has none. */
export function readStamp(payload: Buffer): number {
  const sign = payload.indexOf(SIGN)
  if (sign === -1) return Number.NaN
  let time = 0
  for (let at = sign + 1; at <= sign + DIGITS; at++) time = time * 10 + (payload[at] ?? 0) - ZERO
  return time
}
