import secureJson from 'secure-json-parse'
import { RoomcastError } from '../errors.js'

/** Without any of these no key can be the one of a prototype, and the objects need not be walked. */
const suspiciousText = /__proto__|constructor|\\u/

/** Text → object. Throws `invalid_json`, or `invalid_message` for any other JSON. */
export function parseObject(text: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw new RoomcastError('invalid_json')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new RoomcastError('invalid_message', { message: 'expected an object' })
  }
  return parsed as Record<string, unknown>
}

/** Valid JSON, yet with keys that change an object's prototype wherever it is copied: to be refused. */
export function hasPrototypeKeys(text: string, parsed: object): boolean {
  return suspiciousText.test(text) && secureJson.scan(parsed, { safe: true }) === null
}

const lineBreak = /[\n\r]/

/** The text of a value as it is relayed: a line break between tokens would end the line of an ndjson receiver. */
export function relayedText(raw: string): string {
  return lineBreak.test(raw) ? raw.replaceAll(/[\n\r]/g, ' ') : raw
}
