import { encodeText } from './frames.js'
import { Member } from './member.js'
import { STAMP_PLACE } from './stamp.js'
import type { Seat, Wire } from './wires.js'

/** What every contestant's message has on the wire to a member, more or less: positions grow with their digits. */
export const WIRE_BYTES = 206
const SHORT_PAYLOAD_MAX = 125
const PROBE_TIMEOUT_MS = 5000

/** A message as a client sends it, padded. Its stamp is still to be written. */
export function messageFrame(wire: Wire, from: Seat, padding: number): Buffer {
  return encodeText(wire.publish(from, STAMP_PLACE + 'x'.repeat(padding)))
}

/** Padding that gives a message of this server its size, and the size that it then has. Rejects where none comes back. */
export async function measurePadding(port: number, wire: Wire): Promise<{ padding: number; wireBytes: number }> {
  const seat = { room: 'r0', user: 'p0' }
  let onBytes: (bytes: number) => void = () => {}
  const came = new Promise<number>((resolve, reject) => {
    onBytes = resolve
    setTimeout(() => reject(new Error('the first message did not come back')), PROBE_TIMEOUT_MS).unref()
  })
  const onMessage = ({ length }: Buffer) => onBytes(length + (length > SHORT_PAYLOAD_MAX ? 4 : 2))
  const member = await Member.join({ port, wire, seat, onMessage })
  member.write(messageFrame(wire, seat, 0))
  const bytes = await came
  member.reset()
  const padding = Math.max(0, WIRE_BYTES - bytes)
  return { padding, wireBytes: bytes + padding }
}
