import t from 'tap'
import { CloseCode, closeReasons } from '../../src/protocol/close-codes.js'

/** A control frame has 125 bytes, two of them for the code; ws throws for one byte more. */
const REASON_BYTES_MAX = 123

t.test('every code has a reason of its own that fits its frame', async (t) => {
  const codes = Object.values(CloseCode)
  for (const code of codes) {
    const reason: unknown = closeReasons[code]
    t.type(reason, 'string', `${code}`)
    t.ok(Buffer.byteLength(String(reason)) <= REASON_BYTES_MAX, `${code}`)
  }
  t.equal(new Set(Object.values(closeReasons)).size, codes.length)
})
