import { isUtf8 } from 'node:buffer'

const LINE_FEED = 10
const BEGIN = Buffer.from('{"type":"')
const END = '}'.charCodeAt(0)

/**
 * Whether bytes that came from elsewhere may be sent on as a message: one object in one line of UTF-8, as far as that can
 * be told without parsing it. Cheap enough to be asked of every message.
 */
export function isRelayable(bytes: Buffer): boolean {
  const isObject = bytes.length > BEGIN.length && bytes.at(-1) === END && bytes.indexOf(BEGIN) === 0
  return isObject && !bytes.includes(LINE_FEED) && isUtf8(bytes)
}
